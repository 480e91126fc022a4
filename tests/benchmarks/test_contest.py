"""The ring: what a baseline sees, what its orders do on the plant, and how it is scored."""

from collections.abc import Sequence
from math import exp
from pathlib import Path

import pytest

from benchmarks.contest import Order, Ring, View, rescored, run_baseline
from benchmarks.days import moving, whole
from controller.days.backtest import run_day, seconds
from controller.days.plant import Run
from controller.days.traces import Day, read_days
from controller.model import Prices
from strategies.fixed import Fixed
from tests.benchmarks.life import profile

DAYS = Path(__file__).parent.parent / "fixtures" / "days"


class Script:
    """A baseline that reads its orders from a table."""

    interval_s = 10

    def __init__(self, orders: dict[int, list[Order]]) -> None:
        self.orders = orders
        self.seen: list[View] = []

    def decide(self, view: View) -> Sequence[Order]:
        """Say what the table says."""
        self.seen.append(view)
        return self.orders.get(view.now_s, [])


def test_a_view_is_what_meter_and_box_show() -> None:
    """Last second and mean of ten at the meter, current per phase at the box, last accepted order."""
    script = Script({10: [Order(current_a=8), Order(phases=3), Order(enabled=True)]})
    run_baseline(profile([(0, 0.0), (95, 6000.0)], 120), lambda: script, "script", Prices(), 20.0)
    views = {view.now_s: view for view in script.seen}
    assert (views[10].offered_a, views[10].enabled, views[10].phases) == (0, False, 1)
    assert (views[20].offered_a, views[20].enabled, views[20].phases) == (8, True, 3)
    assert not views[20].charging  # the command takes 2 s, the start 15 s
    assert views[90].car_w == pytest.approx(3 * 8 * 230, rel=1e-3)
    assert views[90].car_current_a == pytest.approx((8, 8, 8), rel=1e-3)
    assert views[90].charging
    assert views[90].grid_import_w == pytest.approx(5520, rel=1e-3)
    assert views[100].grid_import_w == pytest.approx(5520 - 6000, abs=5)
    assert views[100].grid_import_mean_w == pytest.approx(5520 - 6000 / 2, abs=5)


def test_the_first_view_is_the_first_second() -> None:
    """At midnight the meter shows the house; one phase is set and nothing offered."""
    view = Ring(Run(seconds(profile([(0, -300.0)], 60)))).view()
    assert (view.now_s, view.grid_import_w, view.grid_import_mean_w) == (0, 300.0, 300.0)
    assert (view.phases, view.enabled, view.car_current_a) == (1, False, (0.0, 0.0, 0.0))


def test_every_order_is_a_write_and_energy_follows_the_plant() -> None:
    """10 A for 600 s less 2 s of command, 15 s of start and the lag; then a fading tail."""
    script = Script({10: [Order(current_a=10), Order(enabled=True)], 610: [Order(enabled=False)]})
    result = run_baseline(profile([(0, 0.0)], 900), lambda: script, "script", Prices(), 20.0)
    keep = exp(-1 / 3)
    drawn_s = sum(1 - keep ** (second + 1) for second in range(612 - 27))
    drawn_s += sum(keep ** (second + 1) for second in range(25))
    assert result.ev_kwh == pytest.approx(2300 * drawn_s / 3.6e6, rel=1e-4)
    assert result.import_kwh == pytest.approx(result.ev_kwh)
    assert (result.writes, result.starts, result.phase_changes) == (3, 1, 0)
    assert result.cost_ct == pytest.approx(32 * result.ev_kwh - 20 * result.ev_kwh + 3 * 0.02 + 1)


def test_the_plant_is_that_of_the_backtest() -> None:
    """The same commands at the same seconds bring the same to the last digit, whoever gives them."""
    day = read_days(DAYS / "psel_2012w05_native_s30__uci2007.csv.gz")[0]
    ours = run_day(day, Fixed(10, 3), "x", Prices(), 20.0)
    script = Script({10: [Order(current_a=10, enabled=True, phases=3)]})
    theirs = run_baseline(day, lambda: script, "x", Prices(), 20.0)
    assert ours == theirs


def test_another_value_is_another_sum() -> None:
    """Rescoring changes what the energy is worth and nothing else; the old oracle no longer holds."""
    script = Script({0: [Order(current_a=16), Order(enabled=True)]})
    day = profile([(0, 3000.0)], 7200)
    at_20 = run_baseline(day, lambda: script, "x", Prices(), 20.0, with_oracle=True)
    at_26 = run_baseline(day, lambda: Script(script.orders), "x", Prices(), 26.0)
    assert at_20.oracle_cost_ct is not None
    again = rescored(at_20, 26.0)
    assert again.cost_ct == pytest.approx(at_26.cost_ct)
    assert (again.value_ct, again.ev_kwh, again.oracle_cost_ct) == (26.0, at_20.ev_kwh, None)


def test_an_order_that_says_nothing_is_refused() -> None:
    """A request without keys is no request."""
    with pytest.raises(ValueError, match="at least one key"):
        Order().settings()


def test_the_sun_moves_and_the_house_steps() -> None:
    """PV is a line from sample to sample and flat after the last, load holds; the energy stays."""
    day = moving(Day("x", "2026-06-21", 4, [0.0, 400.0, 200.0], [100.0, 900.0, 100.0]))
    assert day.pv_w == [0, 100, 200, 300, 400, 350, 300, 250, 200, 200, 200, 200]
    assert day.load_w == [100.0] * 4 + [900.0] * 4 + [100.0] * 4
    assert day.step_s == 1


def test_a_day_is_held_until_midnight() -> None:
    """23 hours become 24 with the last value."""
    day = whole(Day("x", "2026-06-21", 3600, [1.0] * 22 + [7.0], [300.0] * 23))
    assert (day.duration_s, day.pv_w[22:], day.load_w[23]) == (86_400, [7.0, 7.0], 300.0)
