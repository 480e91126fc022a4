"""A house that plans, for the properties of days: market, price file, ledger, planner, the line behind them.

The market, the sky, the car's battery and the clock on the wall are made up here; what is true comes from
them and never from the code under test. Seconds are lived singly only while something moves.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from controller.cars.car import KnownCar
from controller.clock import SimClock
from controller.departures import Habit, Wants
from controller.errors import TariffUnreachable
from controller.horizon import SurplusSlot
from controller.kept import Kept
from controller.ledger.intent_store import IntentStore, label
from controller.ledger.ledger import Ledger
from controller.ledger.soc_store import CarSoc, record_pushed
from controller.line import pipeline, snapshot
from controller.model import CarState, ChargerStatus, Decision, Force, Prices, Send, SiteSnapshot, Strategy
from controller.planning import Planning
from controller.tariffs.assembly import Tariffs
from controller.tariffs.book import PriceBook
from controller.tariffs.feed import Feed
from controller.tariffs.market import Market
from controller.tariffs.pace import Rhythm
from controller.tariffs.quotes import Quote, checked
from controller.tariffs.rules import Rules
from controller.tariffs.store import PriceFile
from controller.tariffs.web import Haul
from controller.tariffs.zones import Zones
from controller.wanted import sight
from tests.properties.test_pipeline_machine import LIMITS
from tests.properties.world import VOLTAGE_V, Box, Kind, World

BERLIN = ZoneInfo("Europe/Berlin")
TICK_S = 30
PLAN_S = 30.0
"""So often the planner looks whether there is a reason to plan (5 s in the service)."""
TARIFFS_S = 60.0
HORIZON_S = 10 * 3600.0
"""So far the plan reaches in here, or to the next departure: at 36 h most of the time went into it."""
FEE_CT = 10.0
BATTERY_KWH = 40.0
WH_A_PCT = BATTERY_KWH * 10 / 0.9
"""What a percent takes at the cable."""
QUARTER_S = 900


@dataclass
class CountingBox(Box):
    """The same box with its counters, and a car whose battery ends: who is paused is called complete."""

    room_wh: float = 1e9
    drew: bool = False

    def lives(self, seconds: int) -> None:
        """Let seconds pass, in one step while nothing moves."""
        while seconds > 0:
            self.willing = self.session_wh < self.room_wh
            before_a, dead_s = self.drawn_a, self.dead_s
            self.second()
            seconds -= 1
            if self.drawn_a == before_a and dead_s == 0:
                wh_a_s = self.drawn_a * self.used * VOLTAGE_V / 3600
                left_s = (self.room_wh - self.session_wh) / wh_a_s if wh_a_s > 0 else seconds
                bulk_s = min(seconds, max(int(left_s), 0))
                self.session_wh += bulk_s * wh_a_s
                self.taken_wh += bulk_s * wh_a_s
                seconds -= bulk_s
        self.drew = self.plugged and (self.drew or self.drawn_a > 1)

    def status(self, now_s: float) -> ChargerStatus:
        told = replace(super().status(now_s), energy_wh=500_000.0 + self.taken_wh)
        complete = told.car is CarState.WAITING and self.drew
        return replace(told, car=CarState.COMPLETE) if complete else told


@dataclass
class Exchange:
    """A market: net prices by the quarter-hour, of the next day from 13:05 on; `trouble` is its state."""

    clock: SimClock
    seed: int
    name: str = "exchange"
    identity: str = "made up"
    trouble: str = "none"
    corrected_ct: float = 0.0
    told: dict[int, float] = field(default_factory=dict)
    """By quarter-hour: what it said last in an answer that arrived, ct/kWh net."""

    def net_ct(self, begin_s: int) -> float:
        """Return the price of a quarter-hour, of its hour while only hours are told."""
        step_s = 3600 if self.trouble == "hourly" else QUARTER_S
        begin_s = begin_s // step_s * step_s
        local = datetime.fromtimestamp(begin_s, BERLIN)
        shape = (2, 1, 1, 2, 4, 8, 14, 18, 15, 9, 5, 2, 1, 0, 2, 6, 12, 19, 24, 22, 16, 11, 7, 4)[local.hour]
        noise = random.Random(f"{self.seed} {local:%d %H %M}").uniform(-3.0, 3.0)
        dip = 25.0 if self.trouble == "negative" and 10 <= local.hour < 16 else 0.0
        return shape + noise - dip + self.corrected_ct

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        if self.trouble == "gone":
            raise TariffUnreachable("no answer")
        now = datetime.fromtimestamp(now_s, BERLIN)
        published = now.time() >= time(13, 5) and self.trouble != "late"
        last = now.toordinal() + (1 if published else 0)
        end_s = datetime.combine(datetime.fromordinal(last + 1), time(), BERLIN).timestamp()
        step_s = 3600 if self.trouble == "hourly" else QUARTER_S
        begins = list(range(int(begin_s) // 3600 * 3600, int(end_s), step_s))
        if self.trouble == "holes":
            begins = [at for at in begins if (at // 3600) % 5]
        quotes = [Quote(at, at + step_s, self.net_ct(at)) for at in begins]
        for quote in quotes:
            for at in range(int(quote.begin_s), int(quote.end_s), QUARTER_S):
                assert quote.spot_ct_per_kwh is not None
                self.told[at] = quote.spot_ct_per_kwh
        return Haul(checked(quotes, 500.0, now_s), (b"",))

    async def close(self) -> None:
        return None


class PlannedWorld(World):
    """The world around a controller that plans; it may be killed, and finds what its files have kept."""

    def __init__(
        self,
        strategy: Strategy,
        folder: Path,
        habits: Sequence[Habit],
        begin: datetime,
        seed: int,
        kind: Kind,
        *,
        named: bool = True,
        **wants: float | None,
    ) -> None:
        super().__init__(strategy, LIMITS, box=CountingBox(kind=kind))
        currents = (kind.phases, kind.min_a, int(kind.max_a)) if named else (None, None, None)
        self.known = (KnownCar("it", None, *currents, battery_kwh=BATTERY_KWH),)
        self.folder, self.habits, self.seed = folder, tuple(habits), seed
        self.wants = Wants(self.habits, **wants)  # type: ignore[arg-type]
        self.clock = SimClock(begin, self.now_s)
        self.exchange = Exchange(self.clock, seed)
        self.sky: Callable[[float, float], Sequence[SurplusSlot]] = lambda begin_s, end_s: ()
        self.notes: list[tuple[str, str, str]] = []
        self.planner_hangs = False
        self.planned_s: float | None = None
        self.looks: list[Callable[[Decision, SiteSnapshot], None]] = []
        self.begin()

    def begin(self) -> None:
        """Start the service on the files there are."""
        self.ledger = Ledger.open(self.folder / "ledger.db", self.clock)
        self.intents = IntentStore(self.ledger, self.clock)
        self.kept = Kept(self.ledger, self.intents)
        self.state = self.kept.restored(self.strategy, self.known, self.limits, self.now_s)
        self.soc = CarSoc(self.ledger, self.known)
        file = PriceFile(self.folder / "prices" / "exchange.json", self.exchange.identity)
        feed = Feed(self.exchange, file, Rhythm(BERLIN), self.clock, self._note, random.Random(self.seed))
        self.market = Market(feed, None, self.clock, self._note)
        rules = Rules(energy=None, grid_fee=Zones((), FEE_CT, BERLIN, lambda day: False), all_in=False)
        book = PriceBook(rules, self.market.quotes, lambda: (), BERLIN, lambda day: False)
        self.tariffs = Tariffs(Prices(), book, self.market, None, None, self.clock, self._note, set())
        self.planning = Planning(
            self.wants,
            book.outlook,
            lambda begin_s, end_s: self.sky(begin_s, end_s),
            self.tariffs.stamp,
            Prices(),
            self.clock,
            BERLIN,
            self._note,
        )
        self.grid.clear()
        self.reports.clear()
        self.changed_s = self.planned_s = None
        self.started_s = self.last_tick_s = self.now_s
        self.tariffs_s = self.plan_s = 0.0

    def _note(self, kind: str, severity: str, text: str) -> None:
        self.notes.append((kind, severity, text))

    @property
    def left_out(self) -> dict[str, Any]:
        """Return what the reports leave out, as they then read."""
        return {key: CarState.UNKNOWN if key == "car" else None for key in self.unsaid}

    @property
    def wall_s(self) -> float:
        return self.clock.wall().timestamp()

    def restart(self, seconds: int) -> None:
        """End the service as a kill does, and start another so much later."""
        self.ledger.close()
        self._pass(seconds)
        self.begin()

    def _pass(self, seconds: int) -> None:
        """Let the car and the clocks go on by so many s, with what is under way arriving."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            due_s = min([at_s for at_s, _ in self.under_way], default=end_s)
            step_s = max(min(int(due_s - self.now_s + 0.999), int(end_s - self.now_s)), 1)
            self.box.lives(step_s)  # type: ignore[attr-defined]
            self.now_s += step_s
            self.clock.advance(step_s)
            self.box.now_s = self.now_s
            for item in [item for item in self.under_way if item[0] <= self.now_s]:
                self.under_way.remove(item)
                self.box.take(item[1])

    def live(self, seconds: int) -> None:
        """Let time pass with everything that the service does in it; its plan reaches less far than ours."""
        with patch("controller.planning.HORIZON_S", HORIZON_S):
            asyncio.run(self._live(seconds))

    async def _live(self, seconds: int) -> None:
        for _ in range(-(-seconds // TICK_S)):
            self._pass(TICK_S)
            if not self.meter_silent:
                self._read_meter()
            if not self.cloud_down:
                told = self.box.status(self.now_s)
                self.reports.append(replace(told, **self.left_out))
                self.charger_ok_s = self.now_s
            if self.now_s - self.tariffs_s >= TARIFFS_S:
                self.tariffs_s = self.now_s
                await self.tariffs.step()
            if self.now_s - self.plan_s >= PLAN_S and not self.planner_hangs:
                self.plan_s, before = self.now_s, self.planning.plan
                await self.planning.tick()
                if self.planning.plan is not before:
                    self.planned_s = self.now_s
            self._tick()

    def _tick(self) -> None:
        before = self.state
        seen = snapshot.Observations(
            now_s=self.now_s,
            since_s=self.last_tick_s,
            started_s=self.started_s,
            grid=tuple(self.grid),
            charger=tuple(self.reports),
            grid_changed_s=self.changed_s,
            prices=self.tariffs.now(),
            worth=self.planning.worth(self.now_s),
            needs=self.planning.needs(self.now_s),
        )
        snap = snapshot.build(seen, self.limits, self.state.link.last_write_s)
        self.state, decision = pipeline.step(before, snap, self.strategy, self.limits)
        self.last_tick_s = self.now_s
        self.planning.observe(sight(self.state, snap.charger, self.now_s, self.limits, self.soc.now()))
        self.kept.keep_latched(before, self.state)
        self.kept.keep(before, self.state, self.now_s)
        self._follow_soc(snap.charger)
        for look in self.looks:
            look(decision, snap)
        if isinstance(decision.action, Send):
            self._send(decision, decision.action)

    def _follow_soc(self, status: ChargerStatus | None) -> None:
        link, cars = self.state.link, self.state.cars
        if status is not None and link.known and (cars.session.connected or not link.connected):
            neutral, name = status.force is Force.NEUTRAL, cars.traits.name
            told = (status.energy_wh, link.connected, name, self.clock.wall(), status.session_wh)
            self.soc.observe(*told, neutral=neutral, data_s=status.data_s)

    def say(self, soc_pct: float) -> None:
        """Let a program push how full the car is."""
        assert record_pushed(self.ledger, int(self.wall_s * 1000), "", soc_pct)

    def _send(self, decision: Decision, send: Send) -> None:
        intent = self.intents.record(
            label(send), send.settings.keys(), safety=send.safety, reason=send.reason
        )
        super()._send(decision, send)
        self.intents.answered(intent, "accepted", "")

    def plug(self) -> None:
        self.box.drew = False  # type: ignore[attr-defined]
        super().plug()
