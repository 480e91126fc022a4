"""What the box's dead times leave over: perfect foresight through the same plant, and sight of minutes only.

The oracle has a car that responds at once; nobody can reach it. Here a dynamic programme knows the day and
that a start yields nothing for 17 s, a phase change nothing for 30 s, and a new current arrives late; its
plan is then run through the very plant, second by second, and scored like everybody else. A plan that sees
only the next minutes, made anew every 10 s, says what knowledge of the near future is worth. Neither is a
controller.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.foresight import CURRENTS_A, ONE, POWERS_W, THREE, Array, running_ct, tens_w
from controller.days.backtest import TICK_S, DayResult, result, seconds
from controller.days.plant import LAG_S, LATENCY_S, PHASE_DEAD_S, Run
from controller.days.traces import Day
from controller.model import Force, PhaseMode, Prices, Settings

Actions = NDArray[np.int8]

_KEEP = np.exp(-1.0 / LAG_S)
LAG_LOSS_S = float(_KEEP / (1 - _KEEP))
"""The energy a first-order lag withholds after a step, as seconds of the step."""

OLD = (LATENCY_S + LAG_LOSS_S) / TICK_S
"""Share of a 10-s step that still runs at the old set-point after a command."""

DEAD_STEPS = 2
"""Whole steps without power after a start: latency, 15 s and the lag make 20 s."""

BELIEF_S = 900
"""Chosen; 15, 30 and 60 min came out within 2 ct a day of each other."""

_N = len(CURRENTS_A)
_PHASES = (slice(0, _N), slice(_N, 2 * _N))
_ON = (ONE, THREE)


@dataclass(slots=True)
class Ahead:
    """Least cost to come in ct, by state: settled set-points, and charging ones that are still dead.

    `starting` has one step without power to go; `changing` after a phase change two, one and a part of one.
    """

    settled: Array
    starting: Array
    changing: tuple[Array, Array, Array]

    @classmethod
    def nothing(cls, rows: int) -> "Ahead":
        """Return the end: nothing is to come."""
        dead = np.zeros((rows, 2 * _N))
        return cls(np.zeros((rows, len(POWERS_W))), dead, (dead, dead, dead))


def step_back(ahead: Ahead, running: Array, prices: Prices) -> tuple[Ahead, Actions]:
    """Return the cost to come one step earlier, and the set-point to command from each settled one."""
    write, start, phase = prices.write_ct, prices.start_ct, prices.phase_change_ct
    off_ct, on = running[:, :1], running[:, 2:]
    arrived = (1 - OLD) * running + ahead.settled
    best = running + ahead.settled
    action = np.broadcast_to(np.arange(len(POWERS_W), dtype=np.int8), best.shape).copy()

    def offer(states: slice, cost: Array, target: NDArray[np.int64] | int) -> None:
        better = cost < best[:, states] - 1e-12
        best[:, states] = np.where(better, cost, best[:, states])
        column = np.broadcast_to(np.reshape(target, (-1, 1)), better.shape)
        action[:, states] = np.where(better, column, action[:, states])

    for here in (0, 1):
        there = 1 - here
        amps, off = _ON[here], slice(here, here + 1)
        old = OLD * running[:, amps]
        # another current; off; the other phases, dead for a while
        low, at = _least(arrived[:, amps])
        offer(amps, old + low + write, at + amps.start)
        offer(amps, old + arrived[:, off] + write, here)
        low, at = _least(ahead.changing[0][:, _PHASES[there]])
        late = LATENCY_S / TICK_S
        cost = late * running[:, amps] + (1 - late) * off_ct + low + write + phase
        offer(amps, cost, at + _ON[there].start)
        for target, price in ((here, 0.0), (there, phase)):
            low, at = _least(ahead.starting[:, _PHASES[target]])
            offer(off, off_ct + low + write + start + price, at + _ON[target].start)
    _, one, part = ahead.changing
    before = Ahead(
        best,
        off_ct + ahead.settled[:, 2:],
        (off_ct + one, off_ct + part, OLD * off_ct + (1 - OLD) * on + ahead.settled[:, 2:]),
    )
    return before, action


def _least(costs: Array) -> tuple[Array, NDArray[np.int64]]:
    at = costs.argmin(axis=1)
    return np.take_along_axis(costs, at[:, None], axis=1), at


def plans(days: Sequence[Day], values_ct: Sequence[float], prices: Prices) -> Actions:
    """Return what full foresight commands from each set-point, as (steps, days x values, set-points).

    The days must be of one length; the first step of a day decides nothing, as no controller has data yet.
    """
    surplus_w = np.repeat(np.stack([tens_w(day) for day in days]), len(values_ct), axis=0).T
    values = np.tile(np.asarray(values_ct, float), len(days))
    actions = np.empty((len(surplus_w), len(values), len(POWERS_W)), np.int8)
    ahead = Ahead.nothing(len(values))
    for step in range(len(surplus_w) - 1, -1, -1):
        ahead, actions[step] = step_back(ahead, running_ct(surplus_w[step], values, prices), prices)
    return actions


def horizon_plan(
    day: Day, value_ct: float, prices: Prices, horizon_s: int, belief_s: int = BELIEF_S
) -> Actions:
    """Return what sight of the next `horizon_s` commands in each step, as (steps, set-points).

    All steps of the day are rows that look ahead at once. Beyond its sight each believes that the last minute
    it sees goes on for `belief_s`: with nothing beyond, no start that takes longer to pay would ever be made.
    """
    surplus_w, steps = tens_w(day), horizon_s // TICK_S
    rows, minute = len(surplus_w), 60 // TICK_S
    seen_w = np.concatenate([surplus_w, np.full(steps, surplus_w[-1])])
    last_w = np.lib.stride_tricks.sliding_window_view(seen_w, minute).mean(axis=1)[steps - minute :][:rows]
    ahead = _believed(running_ct(last_w, np.full(1, value_ct), prices, belief_s), prices)
    running = running_ct(seen_w, np.full(1, value_ct), prices)
    for step in range(steps - 1, -1, -1):
        ahead, action = step_back(ahead, running[step : step + rows], prices)
    return action


def _believed(running: Array, prices: Prices) -> Ahead:
    """Return the cost to come if one set-point, moved to at once, is kept through all that is believed."""
    write, start, phase = prices.write_ct, prices.start_ct, prices.phase_change_ct
    on_or_off, mode = (POWERS_W > 0).astype(int), np.array([_three(n) for n in range(len(POWERS_W))], int)
    starts = (on_or_off[None, :] > on_or_off[:, None]) * start
    price = write * (1 - np.eye(len(POWERS_W))) + starts + phase * np.abs(mode[None, :] - mode[:, None])
    settled = np.stack([(running + price[here]).min(axis=1) for here in range(len(POWERS_W))], axis=1)
    dead = settled[:, 2:]
    return Ahead(settled, dead, (dead, dead, dead))


def run_plan(day: Day, plan: Actions, name: str, prices: Prices, value_ct: float) -> DayResult:
    """Return what a plan of one day (steps, set-points) costs when the plant follows it."""
    run, here, free_s = Run(seconds(day)), 0, 0
    for step in range(1, min(len(plan), day.duration_s // TICK_S)):
        now = step * TICK_S
        if now < free_s:
            continue
        target = int(plan[step, here])
        if target == here:
            continue
        run.advance(now)
        run.send(_settings(target))
        if target >= 2 and here < 2:
            free_s = now + DEAD_STEPS * TICK_S
        elif target >= 2 and _three(target) != _three(here):
            free_s = now + PHASE_DEAD_S + TICK_S
        here = target
    run.advance(day.duration_s)
    return result(day, name, prices, value_ct, run)


def _three(point: int) -> bool:
    return point == 1 or point >= THREE.start


def _settings(point: int) -> Settings:
    if point < 2:
        return Settings(force=Force.OFF)
    mode = PhaseMode.THREE if _three(point) else PhaseMode.ONE
    return Settings(int(CURRENTS_A[(point - 2) % _N]), Force.ON, mode)
