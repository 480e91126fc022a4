"""The ring of the comparison: whoever decides meets the plant, days and prices of `controller.days.backtest`.

A baseline sees a `View` every `interval_s` seconds and answers with orders. An order is one request as the
peer would send it and counts as one write; all orders of one view leave at once and arrive `LATENCY_S` later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from controller.days.backtest import TICK_S, DayResult, result, seconds
from controller.days.plant import Plant, Run
from controller.days.traces import Day
from controller.model import Force, PhaseMode, Prices, Settings
from controller.units import NOMINAL_VOLTAGE_V


@dataclass(frozen=True, slots=True)
class View:
    """What a controller outside of the box can know at a moment.

    `grid_import_w` is the meter's last second, `grid_import_mean_w` the mean of its last 10 s, `car_w` and
    `car_current_a` are measured at the box. `offered_a` (0 = off), `enabled` and `phases` are what the box
    was last told. `charging`: the car draws.
    """

    now_s: int
    grid_import_w: float
    grid_import_mean_w: float
    car_w: float
    car_current_a: tuple[float, float, float]
    offered_a: int
    enabled: bool
    phases: int
    charging: bool
    min_a: int = 6
    max_a: int = 16
    voltage_v: float = NOMINAL_VOLTAGE_V


@dataclass(frozen=True, slots=True)
class Order:
    """One request; None leaves a key as it is."""

    current_a: int | None = None
    enabled: bool | None = None
    phases: int | None = None

    def settings(self) -> Settings:
        """Return it as the box's keys. Raises ValueError for an empty order or an impossible current."""
        force = None if self.enabled is None else Force.ON if self.enabled else Force.OFF
        mode = None if self.phases is None else PhaseMode.THREE if self.phases == 3 else PhaseMode.ONE
        return Settings(self.current_a, force, mode)


class Baseline(Protocol):
    """One peer's rules, with its own state; a fresh object lives through one day."""

    interval_s: int

    def decide(self, view: View) -> Sequence[Order]:
        """Return the requests to send now, first one first."""
        ...


class Ring:
    """One run with one baseline in it: keeps what the box was told, shows views, sends orders."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.current_a, self.enabled, self.phases = self.run.plant.amp, False, self.run.plant.phases

    def view(self) -> View:
        """Return what is known now; before the first second it is that second without a car."""
        run, plant = self.run, self.run.plant
        recent = run.grid_w[-TICK_S:] or [-run.surplus_w[0]]
        return View(
            run.now_s,
            recent[-1],
            sum(recent) / len(recent),
            plant.power_w,
            _car_current_a(plant),
            self.current_a if self.enabled else 0,
            self.enabled,
            self.phases,
            plant.drawing,
        )

    def send(self, order: Order) -> None:
        """Let one order leave; the cloud accepts it at once."""
        self.run.send(order.settings())
        self.current_a = self.current_a if order.current_a is None else order.current_a
        self.enabled = self.enabled if order.enabled is None else order.enabled
        self.phases = self.phases if order.phases is None else order.phases


def _car_current_a(plant: Plant) -> tuple[float, float, float]:
    """Return the current of each phase of the car."""
    if plant.phases == 3:
        current_a = plant.power_w / (3 * NOMINAL_VOLTAGE_V)
        return (current_a, current_a, current_a)
    return (plant.power_w / NOMINAL_VOLTAGE_V, 0.0, 0.0)


def run_baseline(
    day: Day,
    make: Callable[[], Baseline],
    name: str,
    prices: Prices,
    value_ct: float,
    *,
    with_oracle: bool = False,
) -> DayResult:
    """Return what a baseline makes of one day with a car connected from midnight to midnight."""
    peer, ring = make(), Ring(Run(seconds(day)))
    for now in range(0, day.duration_s, peer.interval_s):
        ring.run.advance(now)
        for order in peer.decide(ring.view()):
            ring.send(order)
    ring.run.advance(day.duration_s)
    return result(day, name, prices, value_ct, ring.run, with_oracle=with_oracle)


def rescored(scored: DayResult, value_ct: float) -> DayResult:
    """Return the same day at another value of a kWh in the car; the oracle's cost becomes unknown.

    Only for who does not decide by the value: the energies stay.
    """
    cost_ct = scored.cost_ct + (scored.value_ct - value_ct) * scored.ev_kwh
    return replace(scored, value_ct=value_ct, cost_ct=cost_ct, oracle_cost_ct=None)
