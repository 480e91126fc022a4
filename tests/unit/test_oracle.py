"""Perfect foresight against trying every plan of a tiny day."""

import itertools
import math
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.days.oracle import least_cost_ct

AMPERES = (6, 7)


@dataclass(frozen=True)
class Case:
    """A day of a few steps and what things cost on it."""

    surplus_w: tuple[float, ...]
    step_s: float
    value_ct: float
    import_ct: float
    export_ct: float
    write_ct: float
    start_ct: float
    phase_change_ct: float


def plan_cost(case: Case, plan: tuple[tuple[int, int], ...]) -> float:
    """Return what one plan costs, step by step, written from the words of the price list alone."""
    cost_ct, (amps, phases) = 0.0, (0, 1)
    for (new_amps, new_phases), surplus_w in zip(plan, case.surplus_w, strict=True):
        if (new_amps, new_phases) != (amps, phases):
            cost_ct += case.write_ct
        if new_amps > 0 and amps == 0:
            cost_ct += case.start_ct
        if new_phases != phases:
            cost_ct += case.phase_change_ct
        amps, phases = new_amps, new_phases
        car_kwh = amps * phases * 230 / 1000 * case.step_s / 3600
        net_kwh = car_kwh - surplus_w / 1000 * case.step_s / 3600
        cost_ct += net_kwh * (case.import_ct if net_kwh > 0 else case.export_ct) - car_kwh * case.value_ct
    return cost_ct


def brute_force(case: Case) -> float:
    """Return the least cost over all plans: off, 6 or 7 A, on one phase or three, in every step."""
    states = [(amps, phases) for amps in (0, *AMPERES) for phases in (1, 3)]
    return min(plan_cost(case, plan) for plan in itertools.product(states, repeat=len(case.surplus_w)))


def programme(case: Case) -> float:
    return least_cost_ct(
        case.surplus_w,
        case.step_s,
        value_ct=case.value_ct,
        import_ct=case.import_ct,
        export_ct=case.export_ct,
        write_ct=case.write_ct,
        start_ct=case.start_ct,
        phase_change_ct=case.phase_change_ct,
        min_a=AMPERES[0],
        max_a=AMPERES[-1],
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    prices = st.floats(0, 60)
    switching = st.sampled_from([0.0, 0.02, 0.5, 1.5, 4.0])
    surplus = st.lists(st.floats(-4000, 7000), min_size=1, max_size=4)
    low, high = sorted((draw(prices), draw(prices)))
    return Case(
        tuple(draw(surplus)),
        draw(st.sampled_from([60.0, 900.0, 3600.0])),
        draw(st.floats(0, 70)),
        high,
        low,
        draw(switching),
        draw(switching),
        draw(switching),
    )


@settings(max_examples=40, deadline=None)
@given(cases())
def test_no_plan_is_cheaper_and_one_is_as_cheap(case: Case) -> None:
    """For any surplus and prices the dynamic programme gives the least cost over all plans there are."""
    assert programme(case) == pytest.approx(brute_force(case), abs=1e-9)


USUAL = Case((4830.0,) * 4, 3600.0, 20.0, 32.0, 8.0, 0.02, 1.0, 1.5)


@pytest.mark.parametrize(
    ("case", "least_ct"),
    [
        # 4.83 kWh of sun an hour for four hours, 7 A x3 take all of it: -20 x 19.32 + 1 + 1.5 + 0.02
        (USUAL, -386.4 + 2.52),
        # a car worth less than feed-in stays off: -8 x 19.32
        (Case((4830.0,) * 4, 3600.0, 5.0, 32.0, 8.0, 0.02, 1.0, 1.5), -154.56),
        # at night a car worth more than import takes all it can: 4.83 kWh x (32 - 40) x 2, and 2.52
        (Case((0.0, 0.0), 3600.0, 40.0, 32.0, 8.0, 0.02, 1.0, 1.5), -77.28 + 2.52),
        # one minute of sun is not worth a start: 0.0805 kWh x 8 fed in
        (Case((4830.0,), 60.0, 20.0, 32.0, 8.0, 0.02, 1.0, 1.5), -0.644),
        # nothing at all costs nothing
        (Case((0.0, 0.0, 0.0), 3600.0, 20.0, 32.0, 8.0, 0.02, 1.0, 1.5), 0.0),
        # the house alone imports 1 kW for two hours
        (Case((-1000.0, -1000.0), 3600.0, 20.0, 32.0, 8.0, 0.02, 1.0, 1.5), 64.0),
        # sun for one phase at 7 A: 1.61 kWh x -20 + 1.02
        (Case((1610.0,), 3600.0, 20.0, 32.0, 8.0, 0.02, 1.0, 9.0), -31.18),
    ],
)
def test_days_that_can_be_worked_out_by_hand(case: Case, least_ct: float) -> None:
    """Known optima in ct."""
    assert programme(case) == pytest.approx(least_ct)


def test_an_empty_day_costs_nothing() -> None:
    """No steps, no cost."""
    assert least_cost_ct([], 10.0, value_ct=20, import_ct=32, export_ct=8) == 0.0


def test_dearer_switching_never_makes_a_day_cheaper() -> None:
    """Raising any of the three prices leaves the least cost or raises it."""
    surplus = tuple(4000.0 * math.sin(number) for number in range(30))
    plain = least_cost_ct(surplus, 900.0, value_ct=20, import_ct=32, export_ct=8)
    for name in ("write_ct", "start_ct", "phase_change_ct"):
        dear = least_cost_ct(surplus, 900.0, value_ct=20, import_ct=32, export_ct=8, **{name: 5.0})
        assert dear >= plain - 1e-9
