"""One session as a picture: prices and the plan's value, sun, and what both did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.pictures import blank, keep, tidy
from benchmarks.session_cases import Case
from benchmarks.session_runs import (
    BERLIN,
    BLIND,
    DYNAMIC,
    OURS,
    Market,
    Row,
    run_blind,
    run_entry,
    session_of,
)
from controller.days.backtest_session import Session, Stay
from controller.model import Decision
from controller.planner.plan import PlannedSlot
from controller.plots.days import BLUE, GREY, ORANGE, RED, YELLOW

STEP_S = 60


@dataclass
class Course:
    """What is drawn, by hour of the stay."""

    hours: list[float] = field(default_factory=list)
    car_kw: list[float] = field(default_factory=list)
    price_ct: list[float] = field(default_factory=list)
    value_ct: list[float] = field(default_factory=list)


def typical(rows: Sequence[Row]) -> Case | None:
    """Return the session to draw: dynamic prices, an odd day, the gain nearest to twice the mean of all."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.tariff == DYNAMIC:
            found.setdefault(row.case.name, {})[row.entry] = row
    both = [one for one in found.values() if OURS in one and BLIND in one]
    if not both:
        return None
    gains = [(one[BLIND].result.cost_ct - one[OURS].result.cost_ct, one[OURS].case) for one in both]
    wanted_ct = 2 * sum(gain for gain, _ in gains) / len(gains)
    odd = [pair for pair in gains if not pair[1].tuning] or gains
    return min(odd, key=lambda pair: abs(pair[0] - wanted_ct))[1]


def draw(rows: Sequence[Row], market: Market, path: Path) -> str:
    """Draw one session and return what it is, in a sentence."""
    case = typical(rows)
    if case is None:
        return "No session at dynamic prices was lived."
    ours, blind = Course(), Course()

    def seen(now: int, stay: Stay, planned: PlannedSlot | None, decision: Decision) -> None:
        if now % STEP_S == 10:
            ours.hours.append(now / 3600)
            ours.car_kw.append(stay.plant.power_w / 1000)
            ours.price_ct.append(stay.session.price_at(now).import_ct_per_kwh)
            ours.value_ct.append(planned.value_ct_per_kwh if planned is not None else float("nan"))

    def watched(now: int, stay: Stay) -> None:
        if now % STEP_S == 0:
            blind.hours.append(now / 3600)
            blind.car_kw.append(stay.plant.power_w / 1000)

    result = run_entry(case, market, OURS, seen)
    session, known, _ = session_of(case, market)
    other = run_blind(session, known, watched)
    _paint(session, ours, blind, (result.cost_ct, other.cost_ct), path)
    came = datetime.fromtimestamp(case.begin_s, UTC).astimezone(BERLIN)
    room = "" if case.full else f", room for {case.room_wh / 1000:.1f} kWh"
    return (
        f"Plug-in {came:%A %H:%M}, {case.stay_s / 3600:.1f} h, {case.need_wh / 1000:.1f} kWh until departure"
        f"{room} (`{case.trace}`, {case.date}). Above: the price, and the value the plan gives a kWh; below "
        "the price the grid is left alone. Below: the surplus, and what the car takes. Money: "
        f"{result.cost_ct:.0f} ct, blind plan {other.cost_ct:.0f} ct. Chosen by rule: of the odd days, the "
        "one whose gain is nearest to twice the mean."
    )


def _paint(session: Session, ours: Course, blind: Course, money_ct: tuple[float, float], path: Path) -> None:
    figure = blank(10.0, 6.2)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[1.2, 2])
    top.step(ours.hours, ours.price_ct, where="post", color=GREY, lw=1.2, label="price")
    top.step(ours.hours, ours.value_ct, where="post", color=RED, lw=1.2, label="value by the plan")
    top.set_ylabel("ct/kWh")
    surplus = [max(sum(session.surplus_w[a : a + STEP_S]) / STEP_S, 0.0) / 1000 for a in _starts(session)]
    bottom.fill_between(
        [a / 3600 for a in _starts(session)], surplus, color=YELLOW, alpha=0.4, lw=0, label="surplus"
    )
    bottom.plot(
        blind.hours, blind.car_kw, color=ORANGE, lw=1.1, label=f"blind plan and timers, {money_ct[1]:.0f} ct"
    )
    bottom.plot(ours.hours, ours.car_kw, color=BLUE, lw=1.3, label=f"ready_by, {money_ct[0]:.0f} ct")
    bottom.set_ylabel("kW")
    _clock(bottom, session)
    for axes in (top, bottom):
        axes.legend(loc="upper left", ncols=3, frameon=False, fontsize=9)
        axes.margins(x=0, y=0.2)
        tidy(axes)
    keep(figure, path)


def _starts(session: Session) -> range:
    return range(0, session.duration_s - STEP_S + 1, STEP_S)


def _clock(axes: Any, session: Session) -> None:
    """Write hours of the day below."""
    first = int(-(-session.begin_s // 7200) * 7200)
    ticks = range(first, int(session.begin_s + session.duration_s), 7200)
    names = [f"{datetime.fromtimestamp(at_s, BERLIN):%H:%M}" for at_s in ticks]
    axes.set_xticks([(at_s - session.begin_s) / 3600 for at_s in ticks], names)
