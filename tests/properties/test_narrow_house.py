"""The promises of the pipeline where several limits are near at once and the charger's news is old.

A small fuse, loads that jump on each phase, a limit of unbalance, a meter that knows no phases, a cable or an
adapter that allows less than before, a car with a mind of its own. Reports of the charger come up to 40 s
late, as go-e's cloud may bring them. What is true of the phases comes from the house's own physics.
"""

from collections import deque
from dataclasses import dataclass, field, replace

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from controller.line import gate, reconcile
from controller.line.link import Link
from controller.model import (
    Charge,
    ChargerStatus,
    Decision,
    Force,
    GridReading,
    Off,
    PhaseMode,
    Send,
    Settings,
    Strategy,
    Worth,
)
from tests.properties.test_pipeline_machine import LIMITS, STRATEGIES, House, at_length
from tests.properties.world import KINDS, TICK_S, VOLTAGE_V, Box, Kind, Sent, World, charging, command_off

SETTLES_S = 30
"""A tick, the gap between two writes, the way to the box and a car that follows by 4 A a second; once more
where a write for comfort had just left."""

SECRETS = (
    ("power_w", "current_a"),
    ("current_a",),
    ("session_wh",),
    ("allowed",),
    ("phase_mode",),
    ("reboot_count", "uptime_ms"),
)
"""What a report may leave out from some day on: a key each, as the fields it fills."""

NARROW_KINDS = KINDS | {"rounds_down": Kind(share=0.9), "two_phase_slow": Kind(phases=2, rises_s=10)}


@dataclass
class NarrowBox(Box):
    """A box with a limit of its own: cable, adapter or temperature; below 6 A it lets nothing flow."""

    limit_a: int = 16
    idles: bool = False
    """The car pauses by itself, as it does while it heats or is told to by its own app."""

    def second(self) -> None:
        amp, willing = self.amp, self.willing
        self.amp = min(amp, self.limit_a)
        self.willing = willing and self.amp >= 6 and not self.idles
        super().second()
        self.amp, self.willing = amp, willing

    def status(self, now_s: float) -> ChargerStatus:
        status = super().status(now_s)
        return replace(status, hardware_limit_a=self.limit_a, allowed=status.allowed and self.limit_a >= 6)


@dataclass(frozen=True)
class Around:
    """What was true at a write: is a car there, and what will be offered once all under way has arrived?"""

    plugged: bool
    lasting_a: int
    lasting_phases: int


@dataclass
class NarrowWorld(World):
    """The world with a box whose reports come late, on any phase, before a meter that may know no phases."""

    box: NarrowBox = field(default_factory=NarrowBox)
    lag_s: int = 0
    knows_phases: bool = True
    overloads: list[str] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.news: deque[ChargerStatus] = deque()
        self.shown_a, self.print_ = (0.0, 0.0, 0.0), b""
        self.over_s = [0, 0, 0]
        self.steady_of: tuple[object, ...] = ()

    @property
    def used(self) -> tuple[int, ...]:
        """Return the grid phases the box may draw on now."""
        first = self.limits.l1_phase - 1
        return (first,) if self.box.phases == 1 else (0, 1, 2)

    def without_car_a(self) -> tuple[float, float, float]:
        """Return the signed import of each phase, the car's part left out."""
        sun_a = self.sun_w / 3 / VOLTAGE_V
        one, two, three = (load_a - sun_a for load_a in self.load_a)
        return one, two, three

    def car_a(self) -> tuple[float, float, float]:
        """Return what the car draws of each grid phase: its first on the one that feeds the box's L1."""
        found = [0.0, 0.0, 0.0]
        for index in range(self.box.used):
            found[(self.limits.l1_phase - 1 + index) % 3] = self.box.drawn_a
        return found[0], found[1], found[2]

    def import_a(self) -> tuple[float, float, float]:
        house, car = self.without_car_a(), self.car_a()
        return house[0] + car[0], house[1] + car[1], house[2] + car[2]

    def second(self) -> None:
        if int(self.now_s + 1) % 5 == 0:
            self.news.append(self.box.status(self.now_s + 1))
        super().second()
        self._watch_phases()

    def _read_charger(self) -> None:
        """Hear what the box said so long ago."""
        while self.news and self.news[0].data_s <= self.now_s - self.lag_s:
            told = self.news.popleft()
            if told.data_s > self.charger_ok_s or not self.reports:
                told = replace(told, received_s=self.now_s, **dict.fromkeys(self.unsaid))
                self.reports.append(replace(told, can_switch_phases=told.phase_mode is not None))
                self.charger_ok_s = told.data_s
                self._hear_of_car(told)

    def _read_meter(self) -> None:
        if not (self.meter_frozen and self.grid):
            self.shown_a = self.import_a()
            self.print_ = repr((self.now_s, self.shown_a)).encode()
        phases = self.shown_a if self.knows_phases else None
        total_w = sum(self.shown_a) * VOLTAGE_V
        self.grid.append(GridReading(self.now_s, total_w, phase_current_a=phases, fingerprint=self.print_))
        if self.print_ != self.last_print:
            self.last_print, self.changed_s = self.print_, self.now_s
        self.meter_ok_s = self.now_s

    def _watch_overload(self, decision: Decision) -> None:
        """Leave the other world's watch out: here the phases themselves are watched."""

    def _watch_phases(self) -> None:
        """Note a phase that the car goes on overloading while meter and cloud are well."""
        # A sum of all phases hides what flows in on one and out on another.
        well = self.knows_phases or min(self.without_car_a()) >= 0
        well = well and not (self.meter_silent or self.meter_frozen or self.cloud_down or self.mute)
        well = well and not self.drop_writes and self.late_s <= 2
        now = (tuple(self.load_a), self.sun_w, well, self.box.plugged, self.box.phases)
        if now != self.steady_of:
            self.steady_of, self.over_s = now, [0, 0, 0]
        assert self.limits.fuse_a is not None
        most_a = self.limits.fuse_a - self.limits.fuse_margin_a
        for phase, (import_a, car_a) in enumerate(zip(self.import_a(), self.car_a(), strict=True)):
            over = well and car_a > 0.5 and import_a > most_a + 0.1
            self.over_s[phase] = self.over_s[phase] + 1 if over else 0
            if self.over_s[phase] > SETTLES_S:
                self.overloads.append(f"L{phase + 1} at {self.now_s}: {import_a:.1f} A of {most_a}")

    def _send(self, decision: Decision, send: Send) -> None:
        now = Around(self.box.plugged, *self.lasting_offer())
        try:
            super()._send(decision, send)
        finally:  # who sends may die of it
            if len(self.sent) > len(self.around):
                self.around.append(now)

    def lasting_offer(self) -> tuple[int, int]:
        """Return what the box offers once all that is under way has arrived."""
        amp, frc, psm = self.box.amp, self.box.frc, self.box.psm
        for _, keys in sorted(self.under_way, key=lambda item: item[0]):
            amp, frc, psm = keys.get("amp", amp), keys.get("frc", frc), keys.get("psm", psm)
        return (0 if frc == 1 else amp), (1 if psm == 1 else 3)


def earlier_starts(world: NarrowWorld, index: int) -> list[Sent]:
    """Return the starts of this car in the 300 s before a write."""
    since_s = max(world.sent[index].at_s - 300, world.plugged_s)
    found = [item for item in world.sent[:index] if item.at_s > since_s and item.before_a == 0]
    return [item for item in found if item.send.settings.keys().get("frc") == 2]


class NarrowHouse(House):
    """The house of the pipeline's promises, and everything in it is tight."""

    world: NarrowWorld

    @initialize(
        pick=st.integers(0, 839),
        sun_kw=st.integers(0, 9),
        fuse_a=st.sampled_from([16.0, 20.0, 25.0, 35.0]),
        most_a=st.sampled_from([10, 13, 16, 16, 32]),
        least_a=st.sampled_from([6, 6, 8]),
        unbalance_a=st.sampled_from([8, 12, 16, 20]),
        l1_phase=st.integers(1, 3),
        strict=st.booleans(),
        knows_phases=st.sampled_from([True, True, False]),
        lag_s=st.sampled_from([0, 0, 10, 20, 30, 36]),
        kind=st.sampled_from(sorted(NARROW_KINDS)),
    )
    def narrow(
        self,
        pick: int,
        sun_kw: int,
        fuse_a: float,
        most_a: int,
        least_a: int,
        unbalance_a: int,
        l1_phase: int,
        strict: bool,
        knows_phases: bool,
        lag_s: int,
        kind: str,
    ) -> None:
        """What the installer wrote down, and a morning with a car on the cable."""
        self.limits = replace(
            LIMITS,
            fuse_a=fuse_a,
            max_current_a=most_a,
            min_current_a=least_a,
            unbalance_limit_a=unbalance_a,
            l1_phase=l1_phase,
            strict_export=strict,
        )
        self.name = self.names[pick % len(self.names)]
        self.world = self.world_of(STRATEGIES[self.name]())
        self.world.knows_phases = knows_phases
        self.world.box.limit_a = 32
        self.world.box.kind = NARROW_KINDS[kind]
        self.world.box.breaks_pilot = pick % 2 == 1
        self.world.lag_s = lag_s
        self.world.sun_w = sun_kw * 1000.0
        self.world.run(60)
        self.world.plug()
        self.world.run(400)

    def world_of(self, strategy: Strategy) -> NarrowWorld:
        return NarrowWorld(strategy, self.limits)

    def morning(self) -> None:
        """Leave the other house's morning out."""

    @rule(phase=st.integers(0, 2), amps=st.floats(0, 18), seconds=st.integers(3, 120))
    def load(self, phase: int, amps: float, seconds: int) -> None:
        """Something is switched on or off on a phase, and stays so."""
        self.world.load_a[phase] = 1.0 + amps
        self.world.run(seconds)

    @rule(amp=st.integers(6, 16), frc=st.sampled_from([1, 2]))
    def app_user(self, amp: int, frc: int) -> None:
        """Somebody turns the knobs while the news is young: what it has not told yet, nobody can heed."""
        self.world.lag_s = 0
        self.world.run(60)
        super().app_user(amp, frc)

    @rule(limit_a=st.sampled_from([0, 5, 6, 8, 10, 13, 16, 32]), seconds=st.integers(5, 400))
    def cable_or_adapter(self, limit_a: int, seconds: int) -> None:
        """The box allows more or less than before."""
        self.world.box.limit_a = limit_a
        self.world.run(seconds)

    @rule(seconds=st.integers(20, 500))
    def car_pauses(self, seconds: int) -> None:
        self.world.box.idles = True
        self.world.run(seconds)
        self.world.box.idles = False
        self.world.run(20)

    @rule(secret=st.sampled_from(SECRETS), seconds=st.integers(10, 300))
    def keeps_a_secret(self, secret: tuple[str, ...], seconds: int) -> None:
        """A new firmware: a key is in no report any more."""
        self.world.unsaid = self.world.unsaid | frozenset(secret)
        self.world.run(seconds)

    @rule(lag_s=st.integers(0, 38), seconds=st.integers(10, 100))
    def news_is_old(self, lag_s: int, seconds: int) -> None:
        self.world.lag_s = lag_s
        self.world.run(seconds)

    @rule(
        loads=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 16)), min_size=2, max_size=6),
        apart_s=st.integers(4, 25),
    )
    def cooks(self, loads: list[tuple[int, float]], apart_s: int) -> None:
        """One thing after the other is switched on and off."""
        for phase, amps in loads:
            self.world.load_a[phase] = 1.0 + amps
            self.world.run(apart_s)

    @precondition(lambda self: self.name not in ("hostile", "timers", "ready_by"))
    @rule(sun_kw=st.floats(7.0, 9.5))
    def steady(self, sun_kw: float) -> None:
        """Liveness: no limit in the way, nothing broken: it charges."""
        world = self.world
        world.lag_s, world.box.idles, world.box.limit_a, world.unsaid = 0, False, 32, frozenset()
        if not self.willing(sun_kw):
            return
        if world.box.asleep or world.box.kind.min_a > self.limits.max_current_a or world.box.kind.share > 1:
            return
        world.run(900 + 300 + 180 + 700)
        for _ in range(4):
            if charging(world):
                break
            world.run(60)
        if world.state.latched:
            event("latched")
            return
        assert charging(world), f"{self.name} does not charge"
        event(f"charges with {self.name}")

    @precondition(lambda self: False)
    @rule()
    def leaves_at(self) -> None:
        """Leave the other house's promise out: it needs the whole connection."""

    @invariant()
    def no_phase_stays_overloaded(self) -> None:
        if hasattr(self, "world"):
            assert not self.world.overloads

    def keeps_its_times(self, index: int) -> None:
        if not self.world.around[index].plugged:
            return  # whatever is sent to a box without a car switches nothing
        box, knew_s = self.world.box, self.world.plugged_s + 45
        # Parking may cross a car that comes: it changes phases before anybody knew of that car.
        box.changes_s = [at_s for at_s in box.changes_s if at_s > knew_s]
        super().keeps_its_times(index)
        sent = self.world.sent[index]
        less = sent.decision.ceiling.reduce_to_a >= 6 and sent.before_a > 0  # 0: a stop is asked for again
        if command_off(sent.send) and sent.send.safety and less:
            # Safety asks for less, not for a stop. A start that nobody has seen yet may be taken back.
            read_s = sent.at_s - sent.charger_age_s
            starts = [item for item in earlier_starts(self.world, index) if item.at_s < read_s]
            assert not starts, "stopped within the minimum on time where less was enough"

    def _domain(self, sent) -> None:
        keys, command = sent.send.settings.keys(), sent.send.command
        assert set(keys) <= self.allowed_keys
        if keys.get("frc") == 2:
            assert "amp" in keys
        if isinstance(command, Off) and "frc" in keys:
            assert keys == {"frc": 1}
        if isinstance(command, Charge) and not sent.send.settings.limit_only:
            assert command.current_a <= self.limits.max_current_a
            if command.phases == 1:
                assert command.current_a <= self.limits.unbalance_limit_a, "unbalance"

    def _raise(self, sent) -> None:
        command = sent.send.command
        if not isinstance(command, Charge):
            return
        index = self.world.sent.index(sent)
        before = self.world.around[index]
        keys = sent.send.settings.keys()
        # Where no report says how many phases are set, a command may name more than it asks for.
        wider = keys.get("psm") == 2 and before.lasting_phases == 1
        if not keys or not (wider or command.current_a > before.lasting_a):
            return
        event("raise")
        assert sent.meter_age_s <= 15, "raised on an old meter reading"
        assert sent.charger_age_s <= 40, "raised on old charger data"
        assert not sent.foreign, "raised over somebody's own setting"
        assert not sent.send.safety, "raised for safety"


NarrowHouse.TestCase.settings = House.TestCase.settings
TestNarrowHouse = NarrowHouse.TestCase
TestLongNarrowHouse = at_length(NarrowHouse)


class NarrowCommuter(NarrowHouse):
    """Somebody who leaves at a time lives in the narrow house; the charger's news stays as old as it is."""

    names = ("ready_by",)

    @precondition(lambda self: True)
    @rule(sun_kw=st.floats(0, 4), minutes=st.integers(60, 120), share=st.floats(0.1, 0.95))
    def leaves_at(self, sun_kw: float, minutes: int, share: float) -> None:
        """Liveness: the car has at its departure what one phase alone can bring here."""
        world, limits = self.world, self.limits
        world.box.idles, world.box.limit_a, world.unsaid = False, 32, frozenset()
        if not self.willing(sun_kw) or world.state.latched:
            return
        kind, fuse_a = world.box.kind, (limits.fuse_a or 0.0) - limits.fuse_margin_a - 2.0
        most_a = min(limits.max_current_a, limits.unbalance_limit_a, fuse_a, kind.max_a)
        if world.box.asleep or kind.share > 1 or max(kind.min_a, limits.min_current_a) > most_a:
            return
        if not world.knows_phases:
            return  # three phases' load counts on one
        certain_wh = most_a * kind.share * VOLTAGE_V * (minutes - 40) / 60
        world.needs_wh = world.box.session_wh + share * certain_wh
        world.leaves_s = world.now_s + minutes * 60
        world.run(minutes * 60)
        if world.state.latched:
            return
        assert world.box.session_wh >= world.needs_wh, "the departure was missed"
        event("ready by its departure")
        world.leaves_s = None


NarrowCommuter.TestCase.settings = House.TestCase.settings
TestNarrowCommuter = NarrowCommuter.TestCase
TestLongNarrowCommuter = at_length(NarrowCommuter)


def at_full_power(kind: str = "ideal", most_a: int = 16, lag_s: int = 0) -> NarrowWorld:
    """Return a house whose car has long been offered the most there is, before a meter that was believed."""
    limits = replace(LIMITS, max_current_a=most_a, fuse_a=35.0, response_s=None)
    world = NarrowWorld(STRATEGIES["fast"](), limits, lag_s=lag_s)
    world.box.limit_a, world.box.kind = 32, NARROW_KINDS[kind]
    world.run(60)
    world.plug()
    world.run(1500)
    assert world.box.amp == most_a
    assert charging(world)
    return world


def test_a_second_overload_is_not_answered_with_more() -> None:
    """16 A were lowered to 6, which no read has told yet: 3 A too much are no reason to ask for 13."""
    world = at_full_power(lag_s=30)
    while int(world.now_s) % TICK_S != 5:
        world.run(1)
    world.load_a[1] = 27.0
    world.run(10)
    count, lowered_a = len(world.sent), world.box.amp
    assert lowered_a <= 6
    world.load_a[1] = 30.0
    world.run(20)
    assert all(sent.send.settings.keys() == {"frc": 1} for sent in world.sent[count:])
    assert world.box.frc == 1


def test_an_overload_comes_off_what_the_car_draws() -> None:
    """A car of 16 A that is offered 32 does not feel the first 16 A that are taken off the offer."""
    world = at_full_power(most_a=32)
    world.load_a[1] = 20.0
    world.run(12 + 5)
    assert max(world.import_a()) <= 33.0


def test_a_stop_that_is_seen_late_is_not_repeated_once_it_is_seen() -> None:
    """News 12 s old: the first read that shows the stop is older than its second sending, and enough."""
    world = at_full_power(lag_s=12)
    count = len(world.sent)
    world.strategy, world.worth = STRATEGIES["tariff"](), Worth(60.0, "by hand", world.now_s + 5000)
    world.state = replace(world.state, memory=world.strategy.initial())
    world.meter_silent = True
    world.run(250)
    sent = [sent.send.settings.keys() for sent in world.sent[count:]]
    assert sent == [{"frc": 1}] * len(sent)
    assert 1 <= len(sent) <= 2


def test_a_start_that_is_seen_late_has_not_lost_its_current() -> None:
    """13 A were decided, then 10, which are lost: what is offered is ours, and nothing to stop for."""
    start, less = Settings(13, Force.ON), Settings(10, Force.ON)
    status = Box(amp=13, frc=1, plugged=True).status(100.0)
    link, _ = reconcile.observe(Link(), status, 100.0, LIMITS)
    link = reconcile.sent(link, Charge(13, 1), start, 110.0, raising=True)
    link = reconcile.sent(link, Charge(10, 1), less, 130.0, raising=False)
    late = Box(amp=13, frc=2, plugged=True, drawn_a=13.0).status(132.0)
    link, notes = reconcile.observe(link, late, 150.0, LIMITS)
    assert not link.too_much
    assert not notes
    # Of the start nothing but the current is missing now: it is not started once more.
    assert gate.settings_for(Charge(9, 1), link).keys() == {"amp": 9}


def test_a_restart_of_the_charger_in_a_phase_change_is_no_car_that_leaves() -> None:
    """It says "no car" with its pilot broken, and has just restarted: nothing is parked and changed back."""
    status = Box(amp=6, frc=2, psm=1, plugged=True, drawn_a=6.0).status(100.0)
    link, _ = reconcile.observe(Link(), status, 100.0, LIMITS)
    change = Settings(6, phase_mode=PhaseMode.THREE)
    link = reconcile.sent(link, Charge(6, 3), change, 110.0, raising=True)
    gone = Box(amp=6, frc=2, psm=2, rbc=2, boot_s=112.0).status(125.0)
    link, notes = reconcile.observe(link, gone, 125.0, LIMITS)
    assert link.connected
    assert notes == ("the charger restarted",)
    later = Box(amp=6, frc=0, psm=2, rbc=2, boot_s=112.0).status(155.0)
    assert not reconcile.observe(link, later, 155.0, LIMITS)[0].connected
