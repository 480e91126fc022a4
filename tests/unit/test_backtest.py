"""Traces, plant, oracle and backtest against hand-made days."""

import gzip
import itertools
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller.cli.main import app
from controller.days.backtest import run_day
from controller.days.oracle import least_cost_ct
from controller.days.traces import Day, read_days
from controller.errors import ConfigError
from controller.model import Prices
from strategies.fixed import Fixed
from strategies.off import OffStrategy
from strategies.surplus import Surplus


def write_trace(path: Path, pv_w: float = 5000.0, step_s: int = 300, hours: int = 24) -> Path:
    lines = ["time,pv_w,load_w"]
    for second in range(0, hours * 3600, step_s):
        sun = pv_w if 9 * 3600 <= second < 15 * 3600 else 0.0
        lines.append(f"2026-06-21T{second // 3600:02d}:{second % 3600 // 60:02d}:00Z,{sun},300")
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_gaps_hold_and_short_days_are_left_out(tmp_path: Path) -> None:
    """An empty field or a missing row repeats the last value; less than 20 h is no day."""
    path = write_trace(tmp_path / "t.csv")
    lines = path.read_text().splitlines()
    lines[130] = lines[130].split(",")[0] + ",,"
    del lines[131]
    path.write_text("\n".join(lines))
    day = read_days(path)[0]
    assert len(day.pv_w) == 288
    assert day.pv_w[129] == day.pv_w[130] == 5000
    assert read_days(write_trace(tmp_path / "short.csv", hours=19)) == []
    assert read_days(write_trace(tmp_path / "t.csv.gz"))[0].date == "2026-06-21"


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,2\n", "time,pv_w,load_w\nnow,1,2\n", "time,pv_w,load_w\n2026-01-01T00:00:00Z,nan,2\n"],
)
def test_a_bad_trace_is_explained(tmp_path: Path, text: str) -> None:
    """A file that is no trace names itself, the line and what is accepted."""
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.csv"):
        read_days(path)


def test_energy_balances_and_money_follows(tmp_path: Path) -> None:
    """Import - export = load + car - sun; the bill and the cost are their sums."""
    day = read_days(write_trace(tmp_path / "t.csv"))[0]
    result = run_day(day, Surplus(20.0, None), "surplus", Prices(), 20.0, with_oracle=True)
    balance = result.load_kwh + result.ev_kwh - result.pv_kwh
    assert result.import_kwh - result.export_kwh == pytest.approx(balance, abs=1e-6)
    assert result.bill_ct == pytest.approx(32 * result.import_kwh - 8 * result.export_kwh)
    switching = 0.02 * result.writes + result.starts + 1.5 * result.phase_changes
    assert result.cost_ct == pytest.approx(result.bill_ct - 20 * result.ev_kwh + switching)
    assert result.oracle_cost_ct is not None
    assert result.oracle_cost_ct <= result.cost_ct
    assert result.ev_kwh == pytest.approx(6 * 4.7, rel=0.08)
    assert (result.starts, result.writes <= 6) == (1, True)


def test_off_and_fixed_do_what_they_say(tmp_path: Path) -> None:
    """Off takes nothing; 10 A on one phase takes 2.3 kW all day."""
    day = read_days(write_trace(tmp_path / "t.csv"))[0]
    assert run_day(day, OffStrategy(), "off", Prices(), 20.0).ev_kwh == 0
    fixed = run_day(day, Fixed(10, 1), "fixed", Prices(), 20.0)
    assert fixed.ev_kwh == pytest.approx(24 * 2.3, rel=0.01)
    assert fixed.writes == 1


def test_the_oracle_is_the_least_of_all_plans() -> None:
    """On a tiny day the dynamic programme equals trying every plan."""
    surplus = [-300.0, 1500.0, 4500.0, 4300.0, 200.0]
    states = [(0, 1), (0, 3), (6, 1), (7, 1), (6, 3), (7, 3)]

    def plan_cost(plan: tuple[tuple[int, int], ...]) -> float:
        cost, (amps, phases) = 0.0, (0, 1)
        for (new_amps, new_phases), surplus_w in zip(plan, surplus, strict=True):
            if (new_amps, new_phases) != (amps, phases):
                cost += 0.02
                cost += 1.0 if new_amps and not amps else 0.0
                cost += 1.5 if new_phases != phases else 0.0
            power_w = new_amps * new_phases * 230.0
            grid_w = power_w - surplus_w
            cost += (grid_w * (32 if grid_w > 0 else 8) - power_w * 26) * 600 / 3.6e6
            amps, phases = new_amps, new_phases
        return cost

    brute = min(plan_cost(plan) for plan in itertools.product(states, repeat=len(surplus)))
    programme = least_cost_ct(surplus, 600, value_ct=26, import_ct=32, export_ct=8, max_a=7)
    assert programme == pytest.approx(brute)


def test_the_command_writes_json_and_a_plot(tmp_path: Path) -> None:
    """`ampilot backtest` gives one object a day with the promised keys, and draws."""
    trace = write_trace(tmp_path / "t.csv")
    target, plot = tmp_path / "out.json", tmp_path / "plot.png"
    args = [
        "backtest",
        str(trace),
        "--strategy",
        "timers",
        "--oracle",
        "--json",
        str(target),
        "--plot",
        str(plot),
    ]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(target.read_text())
    assert set(row) == {
        *("trace", "date", "strategy", "value_ct", "ev_kwh", "import_kwh", "import_ev_kwh", "export_kwh"),
        *("pv_kwh", "load_kwh", "writes", "starts", "phase_changes", "bill_ct", "cost_ct"),
        "oracle_cost_ct",
    }
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "unused", ["--need-kwh 10", "--depart 07:00", "--timezone Europe/Berlin", "--vat 0.19"]
)
def test_what_would_count_for_nothing_without_prices_is_refused(tmp_path: Path, unused: str) -> None:
    """Nobody shall believe that a departure was scored."""
    trace = write_trace(tmp_path / "t.csv")
    result = CliRunner().invoke(app, ["backtest", str(trace), *unused.split()])
    assert isinstance(result.exception, ConfigError)
    assert f"{unused.split()[0]} needs a file of prices" in str(result.exception)


def test_the_table_is_whole_where_the_file_cannot_be_written(tmp_path: Path) -> None:
    """Forty columns wide, and with the results before the complaint."""
    trace = write_trace(tmp_path / "t.csv")
    command = ["backtest", str(trace), "--strategy", "off", "--json", str(tmp_path / "no" / "x.json")]
    result = CliRunner().invoke(app, command, env={"COLUMNS": "40"})
    assert isinstance(result.exception, ConfigError)
    head, row = result.output.splitlines()[-2:]
    assert head.split()[:3] == ["trace", "date", "car"]
    assert row.split()[:2] == ["t.csv", "2026-06-21"]


def test_pv_can_be_scaled(tmp_path: Path) -> None:
    """Half the plant, half the sun."""
    trace = write_trace(tmp_path / "t.csv")
    target = tmp_path / "out.json"
    command = ["backtest", str(trace), "--strategy", "off", "--scale-pv", "0.5", "--json", str(target)]
    CliRunner().invoke(app, command)
    assert json.loads(target.read_text())[0]["pv_kwh"] == pytest.approx(15.0)


def test_days_are_repeatable() -> None:
    """The same six hours twice are the same to the last digit."""
    day = Day("x", "2026-06-21", 60, [4000.0 if 60 < n < 300 else 0.0 for n in range(360)], [300.0] * 360)
    first, again = (run_day(day, Surplus(20.0, None), "s", Prices(), 20.0) for _ in range(2))
    assert first == again
