"""The work-function engine: a metric, no lock-up, no limit cycle, masks obeyed, honest explanations."""

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.model import Admissible, Charge, Command, Off, Prices, Quality, SiteSnapshot
from strategies import set_points as sp
from strategies import work_function as wf
from strategies.economics import Economics, Metric, switching_weights
from strategies.options import felt_economics
from strategies.surplus import Surplus

PRICES = st.builds(Metric, st.floats(0.001, 1.0), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
COMMANDS: list[Command] = [Off(), *[Charge(a, p) for a in (6, 10, 16) for p in (1, 3)]]


def snap(surplus_w: float | None, command: Command, phases: int = 3, **more: object) -> SiteSnapshot:
    base = None if surplus_w is None else -surplus_w
    return SiteSnapshot(
        0.0,
        10.0,
        Quality.FRESH,
        Quality.FRESH,
        base_import_w=base,
        car_connected=True,
        in_force=command,
        phases_set=command.phases if isinstance(command, Charge) else phases,
        **more,  # type: ignore[arg-type]
    )


@given(PRICES)
def test_switching_prices_are_a_metric(metric: Metric) -> None:
    """Symmetric, zero only to itself, and no detour is cheaper."""
    points = sp.set_points(6, 16)

    def d(a: sp.SetPoint, b: sp.SetPoint) -> float:
        return 0.0 if a == b else metric.between_groups(a.group, b.group)

    some = [points[i] for i in (0, 1, 2, 7, 12, 13, 18, 23)]
    for a in some:
        for b in some:
            assert d(a, b) == pytest.approx(d(b, a))
            assert (d(a, b) > 0) == (a != b)
            for c in some:
                assert d(a, c) <= d(a, b) + d(b, c) + 1e-12


def static_best(surplus_w: float, economics: Economics) -> float:
    """Return the least running cost of any set-point, by direct evaluation."""
    points = sp.set_points(6, 16)
    return min(economics.running_ct(p.phases * p.current_a * 230.0, surplus_w, 3600) for p in points)


HOURS_8 = 2880
"""Ticks of 10 s."""


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-2000, 12_000),
    st.sampled_from(COMMANDS),
    st.sampled_from([12.0, 16.0, 20.0, 26.0]),
    st.sampled_from([1, 3]),
)
def test_constant_conditions_end_in_the_static_optimum_and_silence(
    surplus_w: float, command: Command, value_ct: float, phases: int
) -> None:
    """From every start: the cheapest set-point but for a grain, few moves, then none.

    The rule is pure: once a tick changes neither command nor memory, no later one will.
    """
    economics = Economics(value_ct, 32.0, 8.0)
    past, moves = None, []
    for _ in range(HOURS_8):
        shot, before = snap(surplus_w, command, phases), past
        wish, past = wf.decide(shot, before, economics)
        if wish.target == command and past == before:
            break
        if wish.target != command:
            moves.append(wish.target)
        command = wish.target
        phases = command.phases if isinstance(command, Charge) else phases
    power_w = command.power_w() if isinstance(command, Charge) else 0.0
    rest_ct_per_h = economics.running_ct(power_w, surplus_w, 3600) - static_best(surplus_w, economics)
    # What is left after 8 h must cost less in all that time than the dearest move, as the engine prices it.
    write, start, phase = switching_weights(economics)
    dearest_ct = 0.02 * write + 0.5 * start + 1.5 * phase
    assert rest_ct_per_h * 8 <= dearest_ct + 1e-6
    assert len(moves) <= 4


@given(st.floats(-3000, 9000), st.floats(-50, 50))
def test_what_all_set_points_share_changes_nothing(surplus_w: float, extra_ct: float) -> None:
    """A cost added to every set-point moves nothing: only differences count."""
    economics = Economics(20.0, 32.0, 8.0)
    shot = snap(surplus_w, Charge(8, 1))
    past = wf.fresh_past(shot, Metric.of(shot.prices, economics))
    shifted = dataclasses.replace(past, cost_ct=tuple(c + extra_ct for c in past.cost_ct))
    assert wf.decide(shot, past, economics)[0].target == wf.decide(shot, shifted, economics)[0].target


@settings(max_examples=80)
@given(
    st.lists(st.floats(-3000, 12_000), min_size=1, max_size=40),
    st.sampled_from(COMMANDS),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
@example([0.0, 2.225e-311], Off(), True, True, True)  # a change so small that its inverse is no number
def test_the_choice_obeys_the_limits(
    surpluses: list[float], command: Command, start: bool, stop: bool, switch: bool
) -> None:
    """What cannot be done now is never wished for."""
    admissible = Admissible(
        start_in_s=0.0 if start else 60.0,
        stop_in_s=0.0 if stop else 60.0,
        phase_change_in_s=0.0 if switch else 60.0,
    )
    past = None
    for surplus_w in surpluses:
        shot = snap(surplus_w, command, admissible=admissible)
        wish, past = wf.decide(shot, past, Economics(26.0, 32.0, 8.0))
        if wish.target == command:
            continue
        if isinstance(command, Off):
            assert start
            assert isinstance(wish.target, Charge)
            assert switch or wish.target.phases == shot.phases_set
        elif isinstance(wish.target, Off):
            assert stop
        else:
            assert switch or wish.target.phases == command.phases


def test_unknown_base_load_holds_and_forgets_nothing() -> None:
    """A blind minute neither moves nor loses the past."""
    economics = Economics(20.0, 32.0, 8.0)
    _, past = wf.decide(snap(5000, Off()), None, economics)
    wish, after = wf.decide(snap(None, Charge(9, 1)), past, economics)
    assert wish.target == Charge(9, 1)
    assert after == past


def test_unplug_forgets() -> None:
    """The next car starts without the regrets of the last."""
    economics = Economics(20.0, 32.0, 8.0)
    _, past = wf.decide(snap(5000, Off()), None, economics)
    wish, after = wf.decide(dataclasses.replace(snap(5000, Off()), car_connected=False), past, economics)
    assert (wish.target, after) == (Off(), None)


def test_large_regret_moves_soon_and_small_late() -> None:
    """After an hour without sun plenty of it starts the car at least twice as fast as barely enough."""
    economics = Economics(20.0, 32.0, 8.0)

    def ticks(surplus_w: float) -> int:
        past = None
        for _ in range(360):
            wish, past = wf.decide(snap(-300, Off(), 1), past, economics)
            assert wish.target == Off()
        for number in range(2000):
            wish, past = wf.decide(snap(surplus_w, Off(), 1), past, economics)
            if wish.target != Off():
                return number
        return 2000

    assert ticks(11_000) * 2 < ticks(1_400)


@pytest.mark.parametrize("share", [0.5, 0.75, 0.9, 0.95])
def test_solar_share_prices_the_blend_at_zero(share: float) -> None:
    """At a blend of just x sun the running cost is zero, wherever the real price is not above it."""
    economics = felt_economics(Prices(32.0, 8.0), 20.0, share)
    power_w = 5000.0
    cost_ct = economics.running_ct(power_w, share * power_w, 3600) - economics.running_ct(
        0, share * power_w, 3600
    )
    assert cost_ct == pytest.approx(0.0, abs=1e-9)


def test_the_explanation_is_true() -> None:
    """The announced time left is when it moves, if nothing changes."""
    strategy = Surplus(20.0, None)
    memory, announced = strategy.initial(), []
    for number in range(400):
        wish, memory = strategy.decide(snap(4000, Off(), 1), memory)
        if wish.target != Off():
            break
        announced.append((number, wish.facts["time_left_s"]))
    moved_at = number
    for at, left_s in announced:
        assert isinstance(left_s, float)
        assert abs((moved_at - at) * 10 - left_s) <= 20
    assert all(later[1] <= earlier[1] for earlier, later in pairwise(announced))
