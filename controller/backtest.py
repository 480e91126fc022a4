"""Recorded days through `pipeline.step` on a simulated clock: what would this strategy have brought?

The plant is a model, its numbers are those of the public comparison: 1-s steps, a command takes 2 s to
arrive, a start 15 s, a phase change leaves the car dead for 30 s, and the car follows with a first-order lag
of 3 s. The controller sees what it would see at a house: a meter every second, a charger report every 5 s.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import exp

from controller import oracle, pipeline, snapshot
from controller.limits import Limits
from controller.model import (
    CarState,
    ChargerStatus,
    Force,
    GridReading,
    PhaseMode,
    Prices,
    Send,
    Strategy,
)
from controller.traces import Day
from controller.units import NOMINAL_VOLTAGE_V

TICK_S = 10
CHARGER_POLL_S = 5
LATENCY_S = 2
START_S = 15
PHASE_DEAD_S = 30
LAG_S = 3.0
_KEEP = exp(-1.0 / LAG_S)

BACKTEST_LIMITS = Limits(fuse_a=None)
"""A backtest scores control, not a fuse: the traces have no phases."""


@dataclass(slots=True)
class Plant:
    """Box and car of the comparison. Powers in W; times in s of the day."""

    amp: int = 6
    force: Force = Force.OFF
    mode: PhaseMode = PhaseMode.ONE
    power_w: float = 0.0
    dead_until_s: int = 0
    starts: int = 0
    phase_changes: int = 0

    def apply(self, send: Send, at_s: int) -> None:
        """Take a write that arrives now."""
        settings, was_on, old_mode = send.settings, self.force is Force.ON, self.mode
        self.amp = settings.current_a if settings.current_a is not None else self.amp
        self.force = settings.force if settings.force is not None else self.force
        self.mode = settings.phase_mode if settings.phase_mode is not None else self.mode
        if self.mode is not old_mode:
            self.phase_changes += 1
        if self.force is Force.ON and not was_on:
            self.starts += 1
            self.dead_until_s = at_s + START_S
        elif self.force is Force.ON and self.mode is not old_mode:
            self.power_w = 0.0
            self.dead_until_s = at_s + PHASE_DEAD_S

    @property
    def phases(self) -> int:
        """Return how many phases are set."""
        return 3 if self.mode is PhaseMode.THREE else 1

    def advance(self, at_s: int) -> float:
        """Return the car's power in W over the second that begins now."""
        target_w = 0.0
        if self.force is Force.ON and at_s >= self.dead_until_s:
            target_w = self.amp * self.phases * NOMINAL_VOLTAGE_V
        self.power_w = target_w + (self.power_w - target_w) * _KEEP
        if target_w == 0.0 and self.power_w < 1.0:
            self.power_w = 0.0
        return self.power_w

    def status(self, at_s: float) -> ChargerStatus:
        """Return what the box reports."""
        drawing = self.power_w > 50.0
        return ChargerStatus(
            data_s=at_s,
            received_s=at_s,
            car=CarState.CHARGING if drawing else CarState.WAITING,
            requested_a=self.amp,
            force=self.force,
            phase_mode=self.mode,
            allowed=self.force is Force.ON,
            power_w=self.power_w,
        )


@dataclass(frozen=True, slots=True)
class DayResult:
    """One day's outcome; energies in kWh, money in ct. `cost_ct` = bill - value x energy + switching."""

    trace: str
    date: str
    strategy: str
    value_ct: float
    ev_kwh: float
    import_kwh: float
    import_ev_kwh: float
    export_kwh: float
    pv_kwh: float
    load_kwh: float
    writes: int
    starts: int
    phase_changes: int
    bill_ct: float
    cost_ct: float
    oracle_cost_ct: float | None = None

    @property
    def regret_ct(self) -> float | None:
        """Return what perfect foresight would have saved."""
        return None if self.oracle_cost_ct is None else self.cost_ct - self.oracle_cost_ct


@dataclass(slots=True)
class Meters:
    """Energy counted second by second, in Ws."""

    ev: float = 0.0
    imported: float = 0.0
    imported_ev: float = 0.0
    exported: float = 0.0

    def count(self, car_w: float, surplus_w: float) -> float:
        """Add one second and return its grid import in W; the sun serves the house first."""
        grid_w = car_w - surplus_w
        self.ev += car_w
        if grid_w > 0:
            self.imported += grid_w
            self.imported_ev += grid_w if grid_w < car_w else car_w
        else:
            self.exported -= grid_w
        return grid_w


Recorder = Callable[[int, float], None]
"""Told every 10 s: the second of the day and what the car draws in W."""


def scaled(day: Day, factor: float) -> Day:
    """Return the day with PV of another size."""
    return day if factor == 1 else replace(day, pv_w=[power * factor for power in day.pv_w])


def run_day(
    day: Day,
    strategy: Strategy,
    name: str,
    prices: Prices,
    value_ct: float,
    *,
    limits: Limits = BACKTEST_LIMITS,
    with_oracle: bool = False,
    recorder: Recorder | None = None,
    plant: Plant | None = None,
) -> DayResult:
    """Return what the strategy makes of one day with a car connected from midnight to midnight.

    `plant` may be another one, unused so far: a car that comes and goes.
    """
    plant, meters, writes = plant or Plant(), Meters(), 0
    state = pipeline.initial(strategy)
    grid: deque[GridReading] = deque(maxlen=TICK_S + 5)
    reports: deque[ChargerStatus] = deque([plant.status(0.0)], maxlen=4)
    under_way: list[tuple[int, Send]] = []
    last_tick_s = 0
    for now, surplus_w in enumerate(_seconds(day)):
        if now % TICK_S == 0 and now > 0:
            seen = snapshot.Observations(
                now_s=float(now),
                since_s=float(last_tick_s),
                started_s=0.0,
                grid=tuple(grid),
                charger=tuple(reports),
                prices=prices,
            )
            snap = snapshot.build(seen, limits, state.link.last_write_s)
            state, decision = pipeline.step(state, snap, strategy, limits)
            last_tick_s = now
            if isinstance(decision.action, Send):
                writes += 1
                under_way.append((now + LATENCY_S, decision.action))
        while under_way and under_way[0][0] <= now:
            plant.apply(under_way.pop(0)[1], now)
        car_w = plant.advance(now)
        if not day.lost or now // day.step_s not in day.lost:
            grid.append(GridReading(now + 1.0, meters.count(car_w, surplus_w)))
        if recorder is not None and now % TICK_S == 0:
            recorder(now, car_w)
        if (now + 1) % CHARGER_POLL_S == 0:
            reports.append(plant.status(now + 1.0))
    return _result(day, name, prices, value_ct, plant, meters, writes, with_oracle=with_oracle)


def _seconds(day: Day) -> Iterator[float]:
    """Yield PV minus load for every second of the day."""
    for pv_w, load_w in zip(day.pv_w, day.load_w, strict=True):
        surplus_w = pv_w - load_w
        for _ in range(day.step_s):
            yield surplus_w


def _result(
    day: Day,
    name: str,
    prices: Prices,
    value_ct: float,
    plant: Plant,
    meters: Meters,
    writes: int,
    *,
    with_oracle: bool,
) -> DayResult:
    kwh = 3.6e6
    bill_ct = (meters.imported * prices.import_ct_per_kwh - meters.exported * prices.export_ct_per_kwh) / kwh
    switching_ct = (
        prices.write_ct * writes
        + prices.start_ct * plant.starts
        + prices.phase_change_ct * plant.phase_changes
    )
    return DayResult(
        trace=day.trace,
        date=day.date,
        strategy=name,
        value_ct=value_ct,
        ev_kwh=meters.ev / kwh,
        import_kwh=meters.imported / kwh,
        import_ev_kwh=meters.imported_ev / kwh,
        export_kwh=meters.exported / kwh,
        pv_kwh=sum(day.pv_w) * day.step_s / kwh,
        load_kwh=sum(day.load_w) * day.step_s / kwh,
        writes=writes,
        starts=plant.starts,
        phase_changes=plant.phase_changes,
        bill_ct=bill_ct,
        cost_ct=bill_ct - value_ct * meters.ev / kwh + switching_ct,
        oracle_cost_ct=_oracle_ct(day, prices, value_ct) if with_oracle else None,
    )


def _oracle_ct(day: Day, prices: Prices, value_ct: float) -> float:
    """Return the cost of perfect foresight over 10-s steps."""
    return oracle.least_cost_ct(
        list(_tens(day)),
        TICK_S,
        value_ct=value_ct,
        import_ct=prices.import_ct_per_kwh,
        export_ct=prices.export_ct_per_kwh,
        write_ct=prices.write_ct,
        start_ct=prices.start_ct,
        phase_change_ct=prices.phase_change_ct,
    )


def _tens(day: Day) -> Iterable[float]:
    """Yield the mean PV minus load of every 10 s."""
    total_w, count = 0.0, 0
    for surplus_w in _seconds(day):
        total_w += surplus_w
        count += 1
        if count == TICK_S:
            yield total_w / count
            total_w, count = 0.0, 0
