"""Recorded days through `pipeline.step` on a simulated clock: what would this strategy have brought?

The plant is a model, its numbers are those of the public comparison: 1-s steps, a command takes 2 s to
arrive, a start 15 s, a phase change leaves the car dead for 30 s, and the car follows with a first-order lag
of 3 s. The controller sees what it would see at a house: a meter every second, a charger report every 5 s.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import exp

from controller.days import oracle
from controller.days.traces import Day
from controller.horizon import PriceSlot
from controller.limits import Limits
from controller.line import pipeline, snapshot
from controller.model import (
    CarState,
    ChargerStatus,
    Decision,
    Force,
    GridReading,
    Need,
    PhaseMode,
    Prices,
    Send,
    Settings,
    Strategy,
    Worth,
)
from controller.units import NOMINAL_VOLTAGE_V

TICK_S = 10
CHARGER_POLL_S = 5
LATENCY_S = 2
START_S = 15
PHASE_DEAD_S = 30
LAG_S = 3.0
NEVER_S = 10**9
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

    def apply(self, settings: Settings, at_s: int) -> None:
        """Take a write that arrives now."""
        was_on, old_mode = self.force is Force.ON, self.mode
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

    @property
    def drawing(self) -> bool:
        """Return whether the box sees the car charge."""
        return self.power_w > 50.0

    def steady_until_s(self, at_s: int) -> int:
        """Return until when `target_w` holds if no write arrives, in s of the day."""
        return self.dead_until_s if at_s < self.dead_until_s else NEVER_S

    def target_w(self, at_s: int) -> float:
        """Return what the car tends to, in W."""
        if self.force is not Force.ON or at_s < self.dead_until_s:
            return 0.0
        return self.amp * self.phases * NOMINAL_VOLTAGE_V

    def status(self, at_s: float) -> ChargerStatus:
        """Return what the box reports."""
        return ChargerStatus(
            data_s=at_s,
            received_s=at_s,
            car=CarState.CHARGING if self.drawing else CarState.WAITING,
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


@dataclass(slots=True)
class Bill:
    """What is paid where prices follow the day, booked from meter to meter."""

    meters: Meters
    ct: float = 0.0
    imported: float = 0.0
    exported: float = 0.0

    def book(self, prices: Prices | PriceSlot) -> None:
        """Book what flowed since the last time at these prices."""
        bought, sold = self.meters.imported - self.imported, self.meters.exported - self.exported
        self.ct += (bought * prices.import_ct_per_kwh - sold * prices.export_ct_per_kwh) / 3.6e6
        self.imported, self.exported = self.meters.imported, self.meters.exported


Recorder = Callable[[int, float], None]
"""Told every 10 s: the second of the day and what the car draws in W."""


@dataclass(slots=True)
class Run:
    """A day being lived: seconds pass, what was sent arrives, the car follows, energy is counted.

    `surplus_w` is PV minus house load per second, `grid_w` the grid import of every second that has passed.
    Seconds of the slots of `step_s` in `lost` pass without being counted or metered.
    """

    surplus_w: Sequence[float]
    plant: Plant = field(default_factory=Plant)
    meters: Meters = field(default_factory=Meters)
    grid_w: list[float] = field(default_factory=list)
    writes: int = 0
    under_way: deque[tuple[int, Settings]] = field(default_factory=deque)
    lost: Collection[int] = ()
    step_s: int = 1

    @property
    def now_s(self) -> int:
        """Return how many seconds have passed."""
        return len(self.grid_w)

    def send(self, settings: Settings) -> None:
        """Let one write leave now."""
        self.writes += 1
        self.under_way.append((self.now_s + LATENCY_S, settings))

    def advance(self, until_s: int) -> None:
        """Let the seconds up to this one pass."""
        plant = self.plant
        while (now := self.now_s) < until_s:
            while self.under_way and self.under_way[0][0] <= now:
                plant.apply(self.under_way.popleft()[1], now)
            end = min(until_s, self.under_way[0][0]) if self.under_way else until_s
            end = min(end, plant.steady_until_s(now))
            if self.lost:
                end = min(end, (now // self.step_s + 1) * self.step_s)
            self._span(now, end, plant.target_w(now), Meters() if self._is_lost(now) else self.meters)

    def readings(self, since_s: int) -> list[GridReading]:
        """Return what the meter said since then, one reading a second."""
        passed = enumerate(self.grid_w[since_s:], start=since_s)
        return [GridReading(at + 1.0, grid_w) for at, grid_w in passed if not self._is_lost(at)]

    def _is_lost(self, at_s: int) -> bool:
        return bool(self.lost) and at_s // self.step_s in self.lost

    def _span(self, now: int, end: int, target_w: float, meters: Meters) -> None:
        """Count seconds in which nothing changes but sun and house; the hot loop of every backtest."""
        car_w, passed = self.plant.power_w, self.grid_w.append
        ev, imported, imported_ev, exported = meters.ev, meters.imported, meters.imported_ev, meters.exported
        for surplus_w in self.surplus_w[now:end]:
            car_w = target_w + (car_w - target_w) * _KEEP
            if car_w < 1.0 and target_w == 0.0:
                car_w = 0.0
            grid_w = car_w - surplus_w
            ev += car_w
            if grid_w > 0:
                imported += grid_w
                imported_ev += grid_w if grid_w < car_w else car_w
            else:
                exported -= grid_w
            passed(grid_w)
        self.plant.power_w = car_w
        meters.ev, meters.imported, meters.imported_ev, meters.exported = ev, imported, imported_ev, exported


def scaled(day: Day, factor: float) -> Day:
    """Return the day with PV of another size."""
    return day if factor == 1 else replace(day, pv_w=[power * factor for power in day.pv_w])


class Line:
    """What decides, on a run: sees what it would see at a house and sends what it decides."""

    def __init__(self, run: Run, strategy: Strategy, limits: Limits) -> None:
        self._run, self._strategy, self._limits = run, strategy, limits
        self._state = pipeline.initial(strategy)
        self._grid: deque[GridReading] = deque(maxlen=TICK_S + 5)
        self._reports: deque[ChargerStatus] = deque([run.plant.status(0.0)], maxlen=4)

    def watch(self, now: int) -> None:
        """Let the seconds up to this one pass, and read meter and charger meanwhile."""
        for poll_s in range(now - TICK_S + CHARGER_POLL_S, now + 1, CHARGER_POLL_S):
            self._run.advance(poll_s)
            self._reports.append(self._run.plant.status(float(poll_s)))
        self._grid.extend(self._run.readings(now - TICK_S))

    def decide(
        self, now: int, prices: Prices, worth: Worth | None = None, needs: tuple[Need, ...] = ()
    ) -> Decision:
        """Decide at this second, and let leave what is sent."""
        seen = snapshot.Observations(
            now_s=float(now),
            since_s=float(now - TICK_S),
            started_s=0.0,
            grid=tuple(self._grid),
            charger=tuple(self._reports),
            prices=prices,
            worth=worth,
            needs=needs,
        )
        snap = snapshot.build(seen, self._limits, self._state.link.last_write_s)
        self._state, decision = pipeline.step(self._state, snap, self._strategy, self._limits)
        if isinstance(decision.action, Send):
            self._run.send(decision.action.settings)
        return decision


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
    prices_at: Callable[[int], Prices] | None = None,
) -> DayResult:
    """Return what the strategy makes of one day with a car connected from midnight to midnight.

    `plant` may be another one, unused so far: a car that comes and goes. What `day.lost` names is neither
    metered nor counted. With `prices_at`, by the second of the day, `prices` only says what switching costs.
    """
    run = Run(seconds(day), plant or Plant(), lost=day.lost, step_s=day.step_s)
    line, bill = Line(run, strategy, limits), None if prices_at is None else Bill(run.meters)
    for now in range(TICK_S, day.duration_s, TICK_S):
        line.watch(now)
        if recorder is not None:
            recorder(now - TICK_S, run.plant.power_w)
        if bill is not None and prices_at is not None:
            bill.book(prices_at(now - TICK_S))
        line.decide(now, prices if prices_at is None else prices_at(now))
    run.advance(day.duration_s)
    if bill is not None and prices_at is not None:
        bill.book(prices_at(day.duration_s - TICK_S))
    if recorder is not None:
        recorder((day.duration_s - 1) // TICK_S * TICK_S, run.plant.power_w)
    scored = result(day, name, prices, value_ct, run, with_oracle=with_oracle)
    if bill is None:
        return scored
    return replace(scored, bill_ct=bill.ct, cost_ct=scored.cost_ct - scored.bill_ct + bill.ct)


def seconds(day: Day) -> list[float]:
    """Return PV minus load for every second of the day, in W."""
    slots = [pv_w - load_w for pv_w, load_w in zip(day.pv_w, day.load_w, strict=True)]
    return slots if day.step_s == 1 else [surplus_w for surplus_w in slots for _ in range(day.step_s)]


def result(
    day: Day, name: str, prices: Prices, value_ct: float, run: Run, *, with_oracle: bool = False
) -> DayResult:
    """Return the score of a day that has been lived, whoever decided."""
    kwh, meters, plant = 3.6e6, run.meters, run.plant
    bill_ct = (meters.imported * prices.import_ct_per_kwh - meters.exported * prices.export_ct_per_kwh) / kwh
    switching_ct = (
        prices.write_ct * run.writes
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
        writes=run.writes,
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
    for surplus_w in seconds(day):
        total_w += surplus_w
        count += 1
        if count == TICK_S:
            yield total_w / count
            total_w, count = 0.0, 0
