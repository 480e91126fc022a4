"""A picture of a plan; matplotlib is loaded only when asked for."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.errors import ConfigError
from controller.planner.plan import Plan
from controller.plots.days import BLUE, GREEN, GREY, ORANGE, YELLOW, _canvas, _save


def plot_plan(plan: Plan, path: Path, zone: ZoneInfo) -> None:
    """Draw prices against the value of a kWh above, sun and car below. Raises ConfigError."""
    if not plan.slots:
        raise ConfigError("there is no plan, so there is nothing to draw. Remedy: ampilot tariffs --fetch")
    figure, _ = _canvas(11, 6.5)
    top, bottom = figure.subplots(2, 1, sharex=True)
    first_s = plan.slots[0].begin_s
    edges = [(slot.begin_s - first_s) / 3600 for slot in plan.slots]
    edges.append((plan.slots[-1].end_s - first_s) / 3600)
    top.stairs([s.import_ct_per_kwh for s in plan.slots], edges, color=GREY, lw=1.5, label="a kWh costs")
    top.stairs([s.export_ct_per_kwh for s in plan.slots], edges, color=GREEN, lw=1.2, label="feed-in brings")
    top.stairs([s.value_ct_per_kwh for s in plan.slots], edges, color=ORANGE, lw=2, label="worth in the car")
    hours = [(slot.end_s - slot.begin_s) / 3600 for slot in plan.slots]
    bottom.stairs(
        [max(s.surplus_w, 0.0) / 1000 for s in plan.slots],
        edges,
        color=YELLOW,
        fill=True,
        alpha=0.4,
        label="sun left over",
    )
    power = [slot.expected_wh / 1000 / span for slot, span in zip(plan.slots, hours, strict=True)]
    bottom.stairs(power, edges, color=BLUE, fill=True, alpha=0.6, label="car, expected")
    for name, values in (("p10", [s.p10_wh for s in plan.slots]), ("p90", [s.p90_wh for s in plan.slots])):
        spread = [wh / 1000 / span for wh, span in zip(values, hours, strict=True)]
        label = "car, dark and bright sky" if name == "p10" else None
        bottom.stairs(spread, edges, color=BLUE, lw=0.8, ls="--", label=label)
    if plan.latest_start_s is not None:
        at_h = (plan.latest_start_s - first_s) / 3600
        for axes in (top, bottom):
            axes.axvline(at_h, color="black", lw=0.8, ls=":")
        top.text(at_h, top.get_ylim()[1], " latest start", fontsize=8, va="top")
    ticks_s = [s.begin_s for s in plan.slots if _is_tick(datetime.fromtimestamp(s.begin_s, zone))]
    bottom.set_xticks(
        [(at_s - first_s) / 3600 for at_s in ticks_s],
        [f"{datetime.fromtimestamp(at_s, zone):%H:%M\n%a %d}" for at_s in ticks_s],
        fontsize=8,
    )
    top.set_ylabel("ct/kWh")
    bottom.set_ylabel("kW")
    top.set_title(
        "The plan: it charges where a kWh costs less than it is worth", loc="left", fontweight="bold"
    )
    for axes in (top, bottom):
        axes.legend(loc="upper right", ncols=4, frameon=False, fontsize=9)
        axes.margins(x=0, y=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    _save(figure, path)


def _is_tick(at: datetime) -> bool:
    return at.hour % 3 == 0 and at.minute == 0
