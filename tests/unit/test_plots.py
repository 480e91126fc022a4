"""Pictures that are files of the right kind, show what they were given, and fail in words."""

import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from controller.errors import ConfigError
from controller.plots.days import BLUE, GREEN, ORANGE, YELLOW, DaySeries, plot_backtest, plot_day


def day(**change: list[Any]) -> DaySeries:
    """Return a day of 24 hours: sun from 6 to 18, a car from 10 to 15, first on one phase, then on three."""
    hours = [float(hour) for hour in range(24)]
    values: dict[str, list[Any]] = {
        "hours": hours,
        "pv_w": [5000.0 if 6 <= hour < 18 else 0.0 for hour in hours],
        "base_import_w": [300.0] * 24,
        "car_w": [3000.0 if 10 <= hour < 15 else 0.0 for hour in hours],
        "grid_import_w": [-1700.0] * 24,
        "offered_a": [10 if 10 <= hour < 15 else 0 for hour in hours],
        "phases": [1 if hour < 12 else 3 for hour in hours],
        "writes_h": [10.0, 12.0, 15.0],
    }
    return DaySeries(**values | change)


def results(count: int = 3, **change: Any) -> list[dict[str, Any]]:
    row = {"strategy": "surplus", "value_ct": 20.0, "cost_ct": -100.0, "oracle_cost_ct": -130.0}
    return [{**row, "date": f"2026-06-{number + 1:02d}", **change} for number in range(count)]


def size(path: Path) -> tuple[int, int]:
    """Return width and height of a PNG as its header has them."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def words(path: Path) -> str:
    """Return the texts of an SVG as matplotlib notes them beside their outlines."""
    return " | ".join(re.findall(r"<!-- (.*?) -->", path.read_text("utf-8"), re.DOTALL))


def test_a_day_is_a_png_of_its_size(tmp_path: Path) -> None:
    """11 by 6.5 inches at 110 dots, the folder is made on the way."""
    path = tmp_path / "new" / "day.png"
    plot_day(day(), path, "a day", "of sun")
    assert size(path) == (1210, 715)


def test_a_day_names_its_lines_and_axes(tmp_path: Path) -> None:
    """Title, subtitle, every series in the legend, units at the axes, the colours of the project."""
    path = tmp_path / "day.svg"
    plot_day(day(), path, "surplus, broken sky", "41.2 kWh")
    said = words(path)
    for text in ("surplus, broken sky", "41.2 kWh", "sun", "car", "grid (below zero: feed-in)", "one phase"):
        assert text in said
    for text in ("three phases", "command", "power in kW", "offered in A", "hour of the day"):
        assert text in said
    drawn = path.read_text("utf-8").lower()
    assert all(colour.lower() in drawn for colour in (BLUE, ORANGE, GREEN, YELLOW))


def test_what_is_not_there_is_not_in_the_legend(tmp_path: Path) -> None:
    """A night without commands shows neither sun nor command."""
    path = tmp_path / "night.svg"
    plot_day(day(pv_w=[0.0] * 24, writes_h=[]), path, "night", "")
    said = words(path).split(" | ")
    assert "sun" not in said
    assert "command" not in said
    assert "car" in said


def test_an_empty_day_can_be_drawn(tmp_path: Path) -> None:
    """Nothing happened, nothing fails."""
    plot_day(DaySeries(), tmp_path / "empty.png", "nothing", "")
    assert size(tmp_path / "empty.png") == (1210, 715)


def test_a_backtest_shows_regret_where_foresight_is_known(tmp_path: Path) -> None:
    """-100 against -130 is a regret of 30 ct; without foresight it is the cost itself."""
    path = tmp_path / "b.svg"
    plot_backtest(results(), path)
    said = words(path)
    assert "mean 30.0 ct" in said
    assert "regret in ct per day" in said
    assert "surplus at 20 ct" in said
    assert "2026-06-03" in said
    plot_backtest([*results(2), *results(1, oracle_cost_ct=None)], path)
    said = words(path)
    assert "mean -100.0 ct" in said
    assert "cost in ct per day" in said


def test_many_days_get_a_wider_picture(tmp_path: Path) -> None:
    """3 in and 0.22 a day, 7 at least."""
    plot_backtest(results(3), tmp_path / "few.png")
    plot_backtest(results(100), tmp_path / "many.png")
    assert size(tmp_path / "few.png") == (770, 462)
    assert size(tmp_path / "many.png") == (2750, 462)


@pytest.mark.parametrize("name", ["plot.odt", "file/plot.png"])
def test_what_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    """An unknown kind of file, a folder that is a file: path and remedy, no traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        plot_day(day(), tmp_path / name, "", "")
    assert str(tmp_path / name) in str(caught.value)
    assert "Remedy: .png or .svg" in str(caught.value)


WITHOUT = """
import sys
sys.modules["matplotlib"] = None
from pathlib import Path
from controller.errors import ConfigError
from controller.plots.days import DaySeries, plot_day
try:
    plot_day(DaySeries(), Path(sys.argv[1]), "", "")
except ConfigError as error:
    print(error)
"""


def test_without_matplotlib_the_remedy_is_named(tmp_path: Path) -> None:
    """In a process that cannot import it: what to install into which environment; nothing is written.

    The installed service has no matplotlib, Debian's own pip refuses, and of the project's name an index may
    have something else.
    """
    command = [sys.executable, "-c", WITHOUT, str(tmp_path / "x.png")]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert f"{sys.executable} -m pip install matplotlib" in said.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_module_itself_loads_no_matplotlib() -> None:
    """The daemon on a small machine does not pay for pictures."""
    code = "import sys, controller.plots; print('matplotlib' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == "False"
