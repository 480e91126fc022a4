"""A picture of the surplus ahead; matplotlib is loaded only when asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from controller.plots.days import BLUE, GREY, YELLOW, _canvas, _save

if TYPE_CHECKING:
    from controller.forecast.outlook import Estimate


def plot_forecast(
    estimates: "Sequence[Estimate]",
    begin_s: int,
    measured: Sequence[tuple[float, float]],
    title: str,
    path: Path,
) -> None:
    """Draw a day of estimates from `begin_s` on, and what was measured of it as (hour, W).

    Raises ConfigError without matplotlib or for an unknown kind of file.
    """
    figure, _ = _canvas(10, 4.6)
    axes = figure.subplots()
    hours = [(one.begin_s - begin_s) / 3600 + 0.125 for one in estimates]
    low, middle, high = (
        [value / 1000 for value in values]
        for values in (
            [one.p10_w for one in estimates],
            [one.p50_w for one in estimates],
            [one.p90_w for one in estimates],
        )
    )
    axes.fill_between(hours, low, high, color=YELLOW, alpha=0.35, lw=0, label="eight times of ten")
    axes.plot(hours, middle, color=BLUE, lw=1.6, label="expected")
    if measured:
        axes.plot(
            [h + 0.125 for h, _ in measured],
            [w / 1000 for _, w in measured],
            color=GREY,
            lw=1.0,
            label="measured",
        )
    axes.axhline(0, color="black", lw=0.6)
    axes.set_ylabel("surplus in kW")
    axes.set_xlabel("hours since midnight")
    axes.set_xticks(range(0, 26, 2))
    axes.set_title(title, loc="left", fontweight="bold")
    axes.legend(loc="upper right", frameon=False)
    axes.margins(x=0, y=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.25)
    _save(figure, path)
