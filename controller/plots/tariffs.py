"""A picture of prices; matplotlib is loaded only when asked for."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.errors import ConfigError
from controller.horizon import PriceSlot
from controller.plots.days import BLUE, GREEN, GREY, _canvas, _save


def plot_prices(slots: Sequence[PriceSlot], path: Path, zone: ZoneInfo, now_s: float) -> None:
    """Draw import and feed-in prices as steps; estimates are pale. Raises ConfigError."""
    if not slots:
        raise ConfigError("no price is known, so there is nothing to draw. Remedy: ampilot tariffs --fetch")
    figure, _ = _canvas(11, 4.5)
    axes = figure.subplots()
    first_s = slots[0].begin_s
    for slot in slots:
        hours = [(slot.begin_s - first_s) / 3600, (slot.end_s - first_s) / 3600]
        axes.fill_between(
            hours, [slot.import_ct_per_kwh] * 2, color=BLUE, alpha=0.25 if slot.estimated else 0.7, lw=0
        )
        axes.plot(hours, [slot.export_ct_per_kwh] * 2, color=GREEN, lw=2)
    axes.fill_between([], [], color=BLUE, alpha=0.7, label="a kWh costs")
    if any(slot.estimated for slot in slots):
        axes.fill_between([], [], color=BLUE, alpha=0.25, label="estimated")
    axes.plot([], [], color=GREEN, lw=2, label="a kWh fed in brings")
    axes.axvline((now_s - first_s) / 3600, color=GREY, lw=1, ls="--", label="now")
    axes.axhline(0, color="black", lw=0.6)
    ticks_s = [s.begin_s for s in slots if _is_tick(datetime.fromtimestamp(s.begin_s, zone))]
    axes.set_xticks(
        [(at_s - first_s) / 3600 for at_s in ticks_s],
        [f"{datetime.fromtimestamp(at_s, zone):%H:%M\n%a %d}" for at_s in ticks_s],
        fontsize=8,
    )
    axes.set_ylabel("ct/kWh")
    axes.set_title("Prices of today and tomorrow", loc="left", fontweight="bold")
    axes.legend(loc="upper right", ncols=4, frameon=False, fontsize=9)
    axes.margins(x=0, y=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    _save(figure, path)


def _is_tick(at: datetime) -> bool:
    return at.hour % 4 == 0 and at.minute == 0
