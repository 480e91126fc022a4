"""A plan in words and rows: when the car will charge, why, at what cost, and what else would cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from controller.planner.plan import Alternative, Plan, PlannedSlot
from controller.planner.purchase import CLEAR_CT
from controller.planner.task import Departure, Task
from controller.planner.values import Reason
from controller.wanted import Sight

HARDLY_WH = 1.0
SUNNY = 0.9
"""From this share of sun on a stretch is called sun alone (chosen)."""


TIED_CT = CLEAR_CT + 0.1
"""This near to the price the value only says: not this hour, another of the same price."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a span of UTC s, means of prices (ct/kWh) and power (W), sums of energy."""

    begin_s: float
    end_s: float
    import_ct_per_kwh: float
    surplus_w: float
    value_ct_per_kwh: float
    expected_wh: float
    cost_ct: float
    why: str
    estimated: bool


def caveats(sight: Sight, *, sun_known: bool) -> list[str]:
    """Return what the plan does not know, and what comes of it."""
    lines = []
    if not sight.connected:
        lines.append("No car is known to be at the cable: this is the plan if one came now.")
    elif sight.stranger:
        tried = "it is tried for some minutes, early enough for one that takes little"
        lines.append(f"Nobody has seen what this car takes: {tried}.")
    if not sun_known:
        lines.append("Nothing is known of the sun yet: this is the plan without any.")
    return lines


def headline(plan: Plan, task: Task, zone: ZoneInfo, charged_wh: float) -> list[str]:
    """Return what a person wants to know first: what is needed by when, and when it will charge."""
    lines = []
    missing = list[Departure]()
    for departure in task.departures:  # what one departure needs, the next one has
        if departure.need_wh > max([HARDLY_WH, *(each.need_wh for each in missing)]):
            missing.append(departure)
    took = f" It took {charged_wh / 1000:.1f} kWh since it was plugged in." if charged_wh > 50 else ""
    if missing:
        needs = ", ".join(
            f"{departure.need_wh / 1000:.1f} kWh until {_when(departure.at_s, plan, zone)}"
            for departure in missing
        )
        lines.append(f"The car needs {needs}.{took}")
    elif task.departures:
        lines.append(f"The car has what it needs for {_when(task.departures[0].at_s, plan, zone)}.{took}")
    else:
        lines.append(f"No departure is ahead, so it charges where that is cheap.{took}")
    if plan.latest_start_s is not None:
        when = _when(plan.latest_start_s, plan, zone)
        lines.append(f"From {when} on only full power is in time; it then charges with all that is allowed.")
    if plan.missing_wh > 0:
        lines.append(f"{plan.missing_wh / 1000:.1f} kWh will be missing: there is no time for more.")
    return lines


def stretches(plan: Plan, zone: ZoneInfo) -> list[str]:
    """Return the times at which it expects to charge, a line each: energy, from what, cost."""
    lines, run = [], list[PlannedSlot]()
    for slot in (*plan.slots, None):
        if slot is not None and slot.expected_wh > HARDLY_WH:
            run.append(slot)
            continue
        if run:
            lines.append(_stretch(run, zone))
            run = []
    return lines or ["not at all"]


def ways(
    plan: Plan, bounds_ct: tuple[float, float], full_power: Alternative, sun: Alternative, need_wh: float
) -> list[str]:
    """Return what it should cost, and what charging at once or by sun alone would."""
    bright_ct, dark_ct = sorted(bounds_ct)
    expected = f"Expected: {plan.energy_wh / 1000:.1f} kWh for {_euro(plan.cost_ct)}, "
    expected += _ct(plan.cost_ct, plan.energy_wh)
    if dark_ct - bright_ct > 1:
        expected += f"; {_euro(bright_ct)} under a bright sky, {_euro(dark_ct)} under a dark one"
    lines = [f"{expected}."]
    lines.append(
        f"Now at full power: {full_power.energy_wh / 1000:.1f} kWh for {_euro(full_power.cost_ct)}, "
        f"{_ct(full_power.cost_ct, full_power.energy_wh)}."
    )
    short_wh = need_wh - sun.energy_wh
    lacking = f"; {short_wh / 1000:.1f} kWh would be missing" if short_wh > 100 else ""
    lines.append(
        f"Sun only: {sun.energy_wh / 1000:.1f} kWh for {_euro(sun.cost_ct)} of feed-in not sold{lacking}."
    )
    return lines


def rows(plan: Plan, zone: ZoneInfo, *, quarters: bool) -> list[Row]:
    """Return the plan slot by slot, or by the clock hour where nothing changes within it."""
    found: list[list[PlannedSlot]] = []
    for slot in plan.slots:
        if found and not quarters and _alike(found[-1][-1], slot, zone):
            found[-1].append(slot)
        else:
            found.append([slot])
    return [_row(group) for group in found]


def _alike(one: PlannedSlot, other: PlannedSlot, zone: ZoneInfo) -> bool:
    """Return whether two neighbours may share a line."""
    begins = [datetime.fromtimestamp(slot.begin_s, zone) for slot in (one, other)]
    same_hour = begins[0].replace(minute=0, second=0) == begins[1].replace(minute=0, second=0)
    return same_hour and (one.expected_wh > HARDLY_WH) is (other.expected_wh > HARDLY_WH)


def _row(group: Sequence[PlannedSlot]) -> Row:
    total_s = group[-1].end_s - group[0].begin_s

    def mean(values: Sequence[float]) -> float:
        parts = [slot.end_s - slot.begin_s for slot in group]
        return sum(part * value for part, value in zip(parts, values, strict=True)) / total_s

    return Row(
        group[0].begin_s,
        group[-1].end_s,
        mean([slot.import_ct_per_kwh for slot in group]),
        mean([slot.surplus_w for slot in group]),
        mean([slot.value_ct_per_kwh for slot in group]),
        sum(slot.expected_wh for slot in group),
        sum(slot.cost_ct for slot in group),
        _why(group),
        any(slot.estimated for slot in group),
    )


def _why(group: Sequence[PlannedSlot]) -> str:
    energy_wh, slot = sum(each.expected_wh for each in group), group[0]
    if energy_wh <= HARDLY_WH:
        if slot.reason is Reason.FULL:
            return "full by then"
        tied = slot.reason is Reason.TARGET and slot.import_ct_per_kwh < slot.value_ct_per_kwh + TIED_CT
        return "as cheap later" if tied else "too dear"
    share = sun_share(group)
    if share > SUNNY:
        return "sun"
    goal = "for the departure" if slot.reason is Reason.TARGET else "cheap enough"
    return f"sun and grid, {goal}" if share > 1 - SUNNY else f"grid, {goal}"


def sun_share(group: Sequence[PlannedSlot]) -> float:
    """Return how much of the energy is sun, reckoned from its cost between feed-in and import price."""
    energy = covered = 0.0
    for slot in group:
        spread_ct = slot.import_ct_per_kwh - slot.export_ct_per_kwh
        energy += slot.expected_wh
        if slot.expected_wh > 0 and spread_ct > 0:
            mean_ct = slot.cost_ct / slot.expected_wh * 1000
            covered += slot.expected_wh * min(max((slot.import_ct_per_kwh - mean_ct) / spread_ct, 0.0), 1.0)
    return covered / energy if energy > 0 else 0.0


def _stretch(run: Sequence[PlannedSlot], zone: ZoneInfo) -> str:
    begin, end = (datetime.fromtimestamp(at_s, zone) for at_s in (run[0].begin_s, run[-1].end_s))
    energy_wh, cost_ct = sum(slot.expected_wh for slot in run), sum(slot.cost_ct for slot in run)
    low_wh, high_wh = sum(slot.p10_wh for slot in run), sum(slot.p90_wh for slot in run)
    share = sun_share(run)
    source = "sun" if share > SUNNY else ("grid" if share < 1 - SUNNY else f"{share:.0%} sun")
    until = f"{end:%H:%M}" if end.date() == begin.date() else f"{end:%a %H:%M}"
    text = f"{begin:%a %H:%M} to {until}: {energy_wh / 1000:.1f} kWh"
    if high_wh - low_wh > 500:
        text += f" ({low_wh / 1000:.1f} to {high_wh / 1000:.1f})"
    return f"{text}, {source}, {_euro(cost_ct)}, {_ct(cost_ct, energy_wh)}"


def prices_known(plan: Plan, zone: ZoneInfo) -> str:
    """Return until when prices are published, where not to the end."""
    for before, after in pairwise(plan.slots):
        if after.estimated and not before.estimated:
            return f"Prices are published until {_when(before.end_s, plan, zone)}; then estimated (~)."
    if plan.slots and plan.slots[0].estimated:
        return "No price is published: all of them are estimated (~)."
    return ""


def _when(at_s: float, plan: Plan, zone: ZoneInfo) -> str:
    at, now = datetime.fromtimestamp(at_s, zone), datetime.fromtimestamp(plan.made_s, zone)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%H:%M} tomorrow" if at.date() == now.date() + timedelta(days=1) else f"{at:%a %H:%M}"


def _euro(ct: float) -> str:
    return f"{ct / 100:.2f} €"


def _ct(cost_ct: float, energy_wh: float) -> str:
    return f"{cost_ct / energy_wh * 1000:.1f} ct/kWh" if energy_wh > HARDLY_WH else "nothing"
