"""The page of the sessions: tables with intervals and a picture. No number in it is typed by hand."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import intervals, session_picture
from benchmarks.report import code
from benchmarks.session_cases import BEYOND_KWH, ENERGY_KWH, ERROR, STAY_H, Case
from benchmarks.session_goals import goals
from benchmarks.session_pairs import EVEN_CT, LONG, LONG_H, LONG_KWH, Least, Pair, light_h, long, pairs
from benchmarks.session_runs import (
    BLIND,
    EXPORT_CT,
    FIXED,
    IMPORT_CT,
    LATER_CT,
    OURS,
    PERFECT,
    STRATEGY,
    TARIFFS,
    VAT,
    Market,
    Row,
)
from controller.days.backtest_session import MISSED_CT_PER_KWH

NAMES = {
    BLIND: "cheapest slots, blind to the sun, plus timers",
    OURS: f"`{STRATEGY}`, forecast with errors",
    PERFECT: f"`{STRATEGY}`, perfect forecast",
}


Part = tuple[str, Callable[[Case], bool]]

PARTS: tuple[Part, ...] = (
    ("all", lambda case: True),
    ("odd days (nothing was chosen on them)", lambda case: not case.tuning),
    ("even days", lambda case: case.tuning),
    ("car full at the need", lambda case: case.full),
    ("car takes more than the need", lambda case: not case.full),
    ("six hours of daylight or more in the stay", lambda case: light_h(case) >= 6),
    ("less daylight", lambda case: light_h(case) < 6),
    (f"{LONG} (the wanted numbers come from such stays)", long),
)


def write(rows: Sequence[Row], market: Market, least: Least, folder: Path, of: int) -> Path:
    """Write sessions.md, sessions.json and the picture into a folder and return the page's path.

    `least` has every session that was lived; `of` is how many there are, lived or not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "code": code(),
        "sessions": [
            {
                "session": row.case.name,
                "tariff": row.tariff,
                "entry": row.entry,
                "tuning": row.case.tuning,
                **{k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(row.result).items()},
            }
            for row in rows
        ],
    }
    (folder / "sessions.json").write_text(json.dumps(body, separators=(",", ":")) + "\n", encoding="utf-8")
    shown = session_picture.draw(rows, market, folder / "plots" / "session.png")
    path = folder / "sessions.md"
    path.write_text("\n".join(_text(rows, market, least, shown, of)) + "\n", encoding="utf-8")
    return path


def _text(rows: Sequence[Row], market: Market, least: Least, shown: str, of: int) -> list[str]:
    by_tariff = {tariff: pairs(rows, tariff, least) for tariff in TARIFFS}
    count = max(len(found) for found in by_tariff.values())
    cases = {pair.case.name: pair.case for found in by_tariff.values() for pair in found}
    days = {(day.trace, day.date) for case in cases.values() for day in case.days}
    lived = (
        f"{count} sessions"
        if count == of
        else f"**{count} of {of}** sessions (the others were not lived yet; the order is drawn)"
    )
    lines = [
        "# Sessions: the plan and the fast loop together",
        "",
        f"`{STRATEGY}` with its plan against evcc's shape (the cheapest slots at full power, blind to the sun, and PV timers",
        f"between them) in {lived} on {len(days)} recorded days. Sun, house, prices and stays of cars are recorded, but",
        "not at one place: they are joined (below). House, box and car are a **simulated plant**, the forecast is made of the",
        "recording, and the other plan is this project's own model of its described rules. Nothing here was measured at a real",
        f"charger. Code: {code()}. Made by `python -m benchmarks.sessions`; all numbers are generated, none is typed.",
        "",
        "## What was wanted, and what came",
        "",
        *goals(by_tariff),
    ]
    for tariff in TARIFFS:
        lines += [
            "",
            f"## {_title(tariff, market)}",
            "",
            *_means(by_tariff[tariff]),
            "",
            *_parts(by_tariff[tariff]),
        ]
    lines += ["", "## One session", "", "![one session](plots/session.png)", "", shown]
    return [*lines, "", "## How it is counted", "", *_method(market)]


def _title(tariff: str, market: Market) -> str:
    if tariff == FIXED:
        return f"Fixed prices: {IMPORT_CT:g} ct, feed-in {EXPORT_CT:g} ct"
    return f"Dynamic prices: (exchange + {market.added_ct:g} ct) x {1 + VAT:g}, feed-in {EXPORT_CT:g} ct"


def _means(found: Sequence[Pair]) -> list[str]:
    lines = [
        "| mean of a session | money ct | bill ct | extra kWh | missed kWh | departures missed | commands | starts | phase changes | these in ct |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    asked = [pair for pair in found if pair.perfect is not None]
    columns = {
        NAMES[BLIND]: [pair.blind for pair in found],
        NAMES[OURS]: [pair.ours for pair in found],
        f"{NAMES[OURS]} (the {len(asked)} asked with a perfect one)": (
            [pair.ours for pair in asked] if len(asked) < len(found) else []
        ),
        NAMES[PERFECT]: [pair.perfect for pair in asked if pair.perfect is not None],
    }
    for name, results in columns.items():
        if not results:
            continue
        means = [
            intervals.mean([result.cost_ct for result in results]).text(),
            *(
                f"{sum(getattr(r, key) for r in results) / len(results):.{digits}f}"
                for key, digits in (("bill_ct", 1), ("extra_kwh", 2), ("missed_kwh", 3))
            ),
            str(sum(result.missed_kwh > 0 for result in results)),
            *(
                f"{sum(getattr(r, key) for r in results) / len(results):.1f}"
                for key in ("writes", "starts", "phase_changes", "switching_ct")
            ),
        ]
        lines.append(f"| {name} | {' | '.join(means)} |")
    return lines


def _parts(found: Sequence[Pair]) -> list[str]:
    lines = [
        "| cheaper than the blind plan | sessions | ct a session | anybody could | cheaper in | draw | dearer in | worst ct | best ct |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, belongs in PARTS:
        gains = [pair.gain_ct for pair in found if belongs(pair.case)]
        most = [pair.most_ct for pair in found if belongs(pair.case)]
        if len(gains) < 2:
            continue
        cheaper, dearer = (sum(sign * gain > EVEN_CT for gain in gains) / len(gains) for sign in (1, -1))
        cells = (
            f"{len(gains)} | {intervals.mean(gains).text()} | {sum(most) / len(most):.1f} | {cheaper:.0%} | {1 - cheaper - dearer:.0%} | {dearer:.0%}"
            f" | {min(gains):.0f} | {max(gains):.0f}"
        )
        lines.append(f"| {name} | {cells} |")
    return lines


def _method(market: Market) -> list[str]:
    return [
        f"* **money**: the bill of the house from plug-in to departure, plus {MISSED_CT_PER_KWH / 100:g} € for each kWh missing at the",
        f"  departure, less {LATER_CT:g} ct for each kWh beyond the need, so that both have had the same energy. Where the car is full",
        "  when the need is met, money is the bill. Intervals: 95 %, bootstrap over sessions.",
        f"* **cheaper in a share of** counts any gain; the tables call less than {EVEN_CT:g} ct a draw. Many recorded stays see no sun, and at",
        "  fixed prices there is nothing to gain in them.",
        "* **anybody could have**: the blind plan less a bound that nobody goes below, who knows all that comes and switches the",
        "  box at once, every 10 s and for nothing (`session_least.py`); in the share: the sessions in which that is more than",
        f"  {EVEN_CT:g} ct. The blind plan takes the sun between its slots too, with timers; what it leaves is all there is to gain.",
        "* **these in ct**: commands, starts and phase changes at their default prices; not in the money, for nobody pays them.",
        "* **days**: one session for each recorded day of sun and house, another one for some; a day is put on the calendar of the",
        "  prices, same ISO week and weekday of 2024 to 2026. Where a stay goes on after the trace has ended, its last day is lived",
        "  once more.",
        f"* **stays**: drawn from recorded sessions in Norwegian apartment houses (same weekday, {STAY_H[0]} to {STAY_H[1]} h, {ENERGY_KWH[0]} to",
        f"  {ENERGY_KWH[1]} kWh): plug-in, departure and need. Half of the cars are full then, half take {BEYOND_KWH[0]} to {BEYOND_KWH[1]} kWh more.",
        f"  What the cars really cost there is not known and not compared. The wanted numbers were found on stays of {LONG_H[0]} to",
        f"  {LONG_H[1]} h with {LONG_KWH[0]} to {LONG_KWH[1]} kWh, made up and beside another plant: the recorded ones of that kind are shown by themselves.",
        f"* **dynamic prices**: day-ahead, zone DE-LU, with {market.added_ct:g} ct net added, so that the mean of all hours is 30 ct; tomorrow's are",
        "  known from 14:00 on, to both; what is not published is estimated as the service does, for both.",
        f"* **forecast**: what came, meaned over three hours, the sun of each day times a lognormal error of {ERROR:.0%}; quantiles at 0.6, 1",
        "  and 1.3 of it. At every quarter of an hour the last one that was measured corrects those ahead, by the service's own",
        "  function (`controller/forecast/outlook.py`). The error is one factor a day, which the first hour of sun gives away, and",
        "  the mean over three hours knows the house's next hours better than a habit does: a real forecast errs in more ways.",
        "  Perfect: what came, by the quarter of an hour.",
        "* **plant**: that of the [benchmark](report.md), 10-s decisions through the whole line (write budget, minimum times, phase",
        "  limits); the other plan has no such limits, as there.",
        "* **the blind plan**: `baselines/cheapest_slots.py` says what is modelled, and what was decided in its favour.",
    ]
