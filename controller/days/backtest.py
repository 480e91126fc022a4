"""Recorded days through `pipeline.step` on a simulated clock: what would this strategy have brought?

Box and car are those of `plant.py`. The controller sees what it would see at a house: a meter every second, a
charger report every 5 s.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from controller.days import oracle
from controller.days.plant import Bill, Plant, Run
from controller.days.traces import Day
from controller.limits import Limits
from controller.line import pipeline, snapshot
from controller.model import (
    ChargerStatus,
    Decision,
    GridReading,
    Need,
    Prices,
    Send,
    Strategy,
    Worth,
)

TICK_S = 10
CHARGER_POLL_S = 5

BACKTEST_LIMITS = Limits(fuse_a=None)
"""A backtest scores control, not a fuse: the traces have no phases."""


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


Recorder = Callable[[int, float], None]
"""Told every 10 s: the second of the day and what the car draws in W."""


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
