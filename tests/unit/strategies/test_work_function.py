"""The rule itself against one written down apart: every set-point by hand, no groups, no short cuts."""

import dataclasses
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model import Admissible, CarTraits, Charge, Command, Off, Prices, Quality, SiteSnapshot
from strategies import work_function as wf
from strategies.economics import PHASE_WEIGHT, START_WEIGHT, WRITE_WEIGHT, Economics
from strategies.outlook import Weights

Point = tuple[int, int]
"""Current in A (0 is off) and the phases that are set."""

POINTS: list[Point] = [(0, 1), (0, 3), *[(a, 1) for a in range(6, 17)], *[(a, 3) for a in range(6, 17)]]
PRICES = Prices(write_ct=0.02, start_ct=1.0, phase_change_ct=1.5)
VALUE = Economics(value_ct=20.0, import_ct=32.0, export_ct=8.0)
BLIND = Weights(next_s=0.0, trend=0.0, now_s=0.0, mean_s=0.0)
"""No outlook: what is left is the rule of Borodin, Linial and Saks."""


def snap_of(surplus_w: float | None, point: Point, interval_s: float = 10.0, **more: object) -> SiteSnapshot:
    """Return what the engine sees."""
    current_a, phases = point
    values: dict[str, object] = {
        "base_import_w": None if surplus_w is None else -surplus_w,
        "car_connected": True,
        "in_force": Charge(current_a, phases) if current_a else Off(),
        "phases_set": phases,
        "prices": PRICES,
    }
    return SiteSnapshot(0.0, interval_s, Quality.FRESH, Quality.FRESH, **(values | more))  # type: ignore[arg-type]


def point_of(command: Command, phases: int) -> Point:
    """Return the set-point a command leads to."""
    return (command.current_a, command.phases) if isinstance(command, Charge) else (0, phases)


def move_ct(here: Point, there: Point) -> float:
    """Return the price of a move: one write, half a round trip off and on, a change of phases."""
    if here == there:
        return 0.0
    price_ct = 0.02 * WRITE_WEIGHT.usual
    price_ct += 1.0 * START_WEIGHT.usual / 2 if (here[0] == 0) != (there[0] == 0) else 0.0
    return price_ct + (1.5 * PHASE_WEIGHT.usual if here[1] != there[1] else 0.0)


def run_ct(point: Point, surplus_w: float, seconds: float) -> float:
    """Return what a set-point costs: the grid's part at 32 ct, the sun's at 8 ct, less 20 ct for each kWh."""
    power_w = point[0] * point[1] * 230.0
    from_sun_w = min(power_w, max(surplus_w, 0.0))
    per_h_ct = (power_w - from_sun_w) / 1000 * 32.0 + from_sun_w / 1000 * 8.0 - power_w / 1000 * 20.0
    return per_h_ct * seconds / 3600


class Rule:
    """The cheapest past of every set-point, and when to leave the present one."""

    def __init__(self, here: Point) -> None:
        self.here = here
        self.past = {point: move_ct(here, point) for point in POINTS}

    def decide(self, surplus_w: float, seconds: float) -> tuple[Point, float]:
        """Return where to be, and by how much that is cheaper than the second choice."""
        ends = {point: self.past[point] + run_ct(point, surplus_w, seconds) for point in POINTS}
        self.past = {y: min(ends[x] + move_ct(x, y) for x in POINTS) for y in POINTS}
        least = min(self.past.values())
        self.past = {point: cost - least for point, cost in self.past.items()}
        priced = {
            y: ends[y] + move_ct(self.here, y) for y in POINTS if y[0] or y == self.here or self.here[0]
        }
        if self.here[0]:
            priced = {y: cost for y, cost in priced.items() if y[0] or y[1] == self.here[1]}
        order = sorted(priced, key=lambda point: priced[point])
        gap_ct = priced[order[1]] - priced[order[0]]
        self.here = order[0]
        return order[0], gap_ct


@pytest.fixture
def _no_outlook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wf, "leaned", lambda economics: BLIND)
    monkeypatch.setattr(wf, "expected_ct", lambda *args: (0.0, 0.0))


SUNS = st.lists(st.integers(-30, 130).map(lambda step: step * 97.0), min_size=1, max_size=60)


@pytest.mark.usefixtures("_no_outlook")
@settings(max_examples=150, deadline=None)
@given(SUNS, st.sampled_from(POINTS), st.sampled_from([10.0, 30.0, 60.0]))
def test_without_an_outlook_it_is_the_work_function_rule(
    suns_w: list[float], start: Point, interval_s: float
) -> None:
    """Every decision and every cheapest past as by hand, from any start."""
    rule, past, here = Rule(start), None, start
    for surplus_w in suns_w:
        wish, past = wf.decide(snap_of(surplus_w, here, interval_s), past, VALUE)
        wanted, gap_ct = rule.decide(surplus_w, interval_s)
        assert past is not None
        assert past.cost_ct == pytest.approx([rule.past[point] for point in POINTS], abs=1e-9)
        if gap_ct < 1e-7:  # either will do: go on from where the rule is
            here = wanted
            continue
        here = point_of(wish.target, here[1])
        assert here == wanted


@pytest.mark.usefixtures("_no_outlook")
def test_the_rule_leaves_and_comes_back() -> None:
    """The check of the check: in half an hour of sun the car starts, in half an hour of night it stops."""
    past, here = None, (0, 1)
    seen = []
    for surplus_w in [4000.0] * 180 + [-500.0] * 180:
        wish, past = wf.decide(snap_of(surplus_w, here), past, VALUE)
        here = point_of(wish.target, here[1])
        seen.append(here)
    assert seen[179][0] * seen[179][1] >= 15
    assert seen[-1][0] == 0


@pytest.mark.parametrize(
    ("surplus_w", "interval_s"), [*product([-500.0, 0.0, 0.5, 3000.0], [0.0, 0.4, 10.0])]
)
def test_one_interval_counts_for_as_long_as_it_was(surplus_w: float, interval_s: float) -> None:
    """From the second decision on the cheapest pasts have moved by just that time; no surplus is no room."""
    start = (6, 1)
    _, past = wf.decide(snap_of(surplus_w, start, interval_s), None, VALUE)
    rule = Rule(start)
    rule.decide(surplus_w, interval_s)
    assert past is not None
    assert past.cost_ct == pytest.approx([rule.past[point] for point in POINTS], abs=1e-9)


def test_a_long_gap_counts_for_a_minute_at_most() -> None:
    """An hour nobody saw is not an hour of regret."""
    _, hour = wf.decide(snap_of(5000.0, (0, 1), 3600.0), None, VALUE)
    _, minute = wf.decide(snap_of(5000.0, (0, 1), 60.0), None, VALUE)
    assert hour == minute


def test_what_it_says_without_a_car_and_without_a_meter() -> None:
    """The words, the present set-point, and the memory that waits."""
    here = (9, 3)
    _, past = wf.decide(snap_of(5000.0, here), None, VALUE)
    wish, after = wf.decide(snap_of(None, here), past, VALUE)
    assert (wish.target, wish.reason) == (
        Charge(9, 3),
        "the base load is unknown, so nothing can be better",
    )
    assert after == past
    wish, after = wf.decide(snap_of(5000.0, here, car_connected=False), past, VALUE)
    assert (wish.target, wish.reason, after) == (Off(), "no car is connected", None)


def test_the_rival_it_names_is_the_target_or_the_nearest() -> None:
    """Where it moves, the facts speak of where to; where it stays, of the cheapest other one."""
    wish, past = wf.decide(snap_of(9000.0, (0, 3)), None, VALUE)
    for _ in range(100):
        if isinstance(wish.target, Charge):
            break
        wish, past = wf.decide(snap_of(9000.0, (0, 3)), past, VALUE)
    assert wish.facts["next"] == str(wish.target)
    stays, past = wf.decide(snap_of(2300.0, (10, 1)), None, VALUE)
    assert stays.target == Charge(10, 1)
    assert stays.facts["next"] in ("9 A x1", "11 A x1")
    assert stays.facts["next"] != str(stays.target)
    assert past is not None


def test_never_off_is_never_off() -> None:
    """At night a car that must not be stopped is held at the least; one that is off is let be or started."""
    past, here = None, (16, 3)
    for _ in range(400):
        wish, past = wf.decide(snap_of(-800.0, here), past, VALUE, never_off=True)
        here = point_of(wish.target, here[1])
        assert here[0] >= 6
    assert here == (6, 1)


@pytest.mark.usefixtures("_no_outlook")
def test_what_a_car_really_draws_is_what_counts() -> None:
    """A car of one phase at 6 A x3 draws 1.4 kW: with 1.5 kW of sun that is no import."""
    car = CarTraits(phases_used=1)
    admissible = Admissible(phase_options=(3,))
    snap = snap_of(1500.0, (6, 3), 60.0, car=car, admissible=admissible)
    _, past = wf.decide(snap, None, VALUE)
    assert past is not None
    off_ct, on_ct = past.cost_ct[1], past.cost_ct[POINTS.index((6, 3))]
    assert on_ct == 0.0
    assert off_ct == pytest.approx(0.02 * WRITE_WEIGHT.usual + START_WEIGHT.usual / 2, abs=1e-9)
    assert dataclasses.replace(snap, car=CarTraits()).car.draw_w(Charge(6, 3)) == pytest.approx(4140.0)


@pytest.mark.parametrize(("latest_w", "more"), [(6500.0, True), (4500.0, False)])
def test_the_last_seconds_and_their_trend_choose_the_ampere(latest_w: float, more: bool) -> None:
    """A surplus that has just risen asks for more current than its mean, one that fell for less."""
    here = (8, 3)  # 5520 W: right for the mean
    past = None
    for _ in range(60):
        _, past = wf.decide(snap_of(5500.0, here), past, VALUE)
    wish, _ = wf.decide(snap_of(5500.0, here, latest_base_import_w=-latest_w), past, VALUE)
    assert isinstance(wish.target, Charge)
    assert (wish.target.current_a > 8) is more
    assert (wish.target.current_a < 8) is not more
