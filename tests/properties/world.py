"""A small world for the properties: house, car and box with their own physics, and a log of the injected.

It shares nothing with the code under test but the vocabulary: what it says about freshness, overload or
foreign changes comes from what it did itself.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from math import inf

from controller.cars.learning import Garage
from controller.limits import Limits
from controller.line import pipeline, snapshot
from controller.model import (
    CarState,
    Charge,
    ChargerStatus,
    Decision,
    Force,
    GridReading,
    Keys,
    Need,
    Off,
    OutcomeKind,
    PhaseMode,
    Prices,
    Send,
    Strategy,
    Worth,
    WriteOutcome,
)

VOLTAGE_V = 230.0
TICK_S = 10


@dataclass(frozen=True)
class Kind:
    """A kind of car: phases it uses, currents it takes, pauses it bears before it sleeps until re-plugged.

    `share` is what it draws of the offer, `wakes_s` how long it is offered current before it takes any, and
    it draws more only once in `rises_s`.
    """

    phases: int = 3
    min_a: int = 6
    max_a: float = 16.0
    bears_pauses: int | None = None
    share: float = 1.0
    wakes_s: int = 0
    rises_s: int = 1


KINDS = {
    "ideal": Kind(),
    "one_phase": Kind(phases=1),
    "two_phase": Kind(phases=2),
    "from_8_a": Kind(min_a=8),
    "to_13_a": Kind(max_a=13.0),
    "never_resumes": Kind(bears_pauses=0),
    "over_draws": Kind(share=1.25, max_a=32.0),
    "wakes_late": Kind(wakes_s=100),
    "wakes_very_late": Kind(wakes_s=200, phases=1),
    "in_steps": Kind(rises_s=25),
}


@dataclass
class Box:
    """A go-e with a car that follows its pilot within a few seconds."""

    amp: int = 6
    frc: int = 0
    psm: int = 1
    plugged: bool = False
    willing: bool = True
    kind: Kind = Kind()
    breaks_pilot: bool = False
    """Its firmware says "no car" while a phase change breaks the pilot."""
    pauses: int = 0
    drawn_a: float = 0.0
    dead_s: int = 0
    offered_s: int = 0
    """How long it has been offered what it could take."""
    rbc: int = 1
    boot_s: float = 0.0
    session_wh: float = 0.0
    taken_wh: float = 0.0
    dwo: float | None = None
    now_s: float = 0.0
    changes_s: list[float] = field(default_factory=list)

    @property
    def phases(self) -> int:
        return 1 if self.psm == 1 else 3

    @property
    def used(self) -> int:
        """Return how many phases the car draws on."""
        return min(self.phases, self.kind.phases)

    @property
    def at_limit(self) -> bool:
        """Return whether its own energy limit is reached; this box obeys it also under `frc=2`."""
        return self.plugged and self.frc != 1 and self.dwo is not None and self.session_wh >= self.dwo

    @property
    def asleep(self) -> bool:
        """Return whether the car has had more pauses than it bears."""
        return self.kind.bears_pauses is not None and self.pauses > self.kind.bears_pauses

    def second(self) -> None:
        """Let one second pass: the current moves by at most 4 A towards the offer."""
        offered = self.plugged and self.willing and self.frc != 1 and self.dead_s == 0 and not self.at_limit
        offered = offered and self.amp >= self.kind.min_a
        self.offered_s = self.offered_s + 1 if offered else 0
        takes = self.offered_s > self.kind.wakes_s and not self.asleep
        target = min(self.amp * self.kind.share, self.kind.max_a) if takes else 0.0
        self.dead_s = max(self.dead_s - 1, 0)
        most_a = 4.0 if self.offered_s % self.kind.rises_s == 0 else 0.0
        change = max(-4.0, min(most_a, target - self.drawn_a))
        self.drawn_a = self.drawn_a + change if self.plugged else 0.0
        drawn_wh = self.drawn_a * self.used * VOLTAGE_V / 3600
        self.session_wh += drawn_wh
        self.taken_wh += drawn_wh

    def take(self, keys: Keys) -> None:
        if "psm" in keys and keys["psm"] != self.psm:
            self.psm = int(keys["psm"] or 0)
            self.dead_s, self.drawn_a = 25, 0.0
            if self.plugged:
                self.changes_s.append(self.now_s)
        self.pauses += self.drawn_a > 1 and keys.get("frc") == 1
        self.amp = keys.get("amp", self.amp)
        self.frc = keys.get("frc", self.frc)
        self.dwo = keys.get("dwo", self.dwo)

    def status(self, now_s: float) -> ChargerStatus:
        on_phases = tuple(self.drawn_a if index < self.used else 0.0 for index in range(3))
        car = CarState.IDLE
        if self.plugged and not (self.breaks_pilot and self.dead_s > 8):
            car = CarState.CHARGING if self.drawn_a > 1 else CarState.WAITING
        return ChargerStatus(
            data_s=now_s,
            received_s=now_s,
            car=car,
            requested_a=self.amp,
            force=Force(self.frc),
            phase_mode=PhaseMode(self.psm),
            allowed=self.frc != 1 and not self.at_limit,
            model_status=6 if self.at_limit else {0: 15, 1: 4, 2: 3}[self.frc],
            energy_limit_wh=inf if self.dwo is None else self.dwo,
            power_w=self.drawn_a * self.used * VOLTAGE_V,
            current_a=on_phases,  # type: ignore[arg-type]
            hardware_limit_a=16,
            session_wh=self.session_wh,
            reboot_count=self.rbc,
            uptime_ms=int((now_s - self.boot_s) * 1000),
        )


@dataclass
class Sent:
    """One write as the world saw it leave."""

    at_s: float
    decision: Decision
    send: Send
    meter_a: tuple[float, float, float] | None
    meter_age_s: float
    charger_age_s: float
    foreign: bool
    before_a: int
    before_phases: int
    held_a: int
    """What the box is set to on its present phases while a limit of its own alone holds it, else 0."""


@dataclass
class World:
    """Everything outside of the controller, and the controller's loop around `pipeline.step`."""

    strategy: Strategy
    limits: Limits
    now_s: float = 1000.0
    sun_w: float = 0.0
    load_a: list[float] = field(default_factory=lambda: [1.0, 1.0, 1.0])
    box: Box = field(default_factory=Box)
    cars: Garage = field(default_factory=Garage)
    meter_silent: bool = False
    meter_frozen: bool = False
    cloud_down: bool = False
    drop_writes: bool = False
    answers: OutcomeKind = OutcomeKind.ACCEPTED
    mute: bool = False
    """The cloud takes writes and tells nothing."""
    unsaid: frozenset[str] = frozenset()
    """Settings its reports leave out."""
    crossing: bool = False
    """Every second write overtakes the one before it."""
    late_s: float = 1.0
    worth: Worth | None = None
    leaves_s: float | None = None
    plugged_s: float = 0.0
    needs_wh: float = 0.0
    """What the car shall have taken in this session when it leaves."""
    sent: list[Sent] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    unanswered_overloads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = pipeline.initial(self.strategy, self.cars)
        self.grid: deque[GridReading] = deque(maxlen=20)
        self.reports: deque[ChargerStatus] = deque(maxlen=4)
        self.started_s = self.last_tick_s = self.now_s
        self.changed_s: float | None = None
        self.car_told_s: float | None = None
        self.under_way: list[tuple[float, Keys]] = []
        self.foreign = False
        self.meter_ok_s = self.charger_ok_s = self.now_s
        self.last_print: bytes = b""
        self.offer_a, self.offer_phases = 0, 1

    def import_a(self) -> tuple[float, float, float]:
        """Return the true signed import of each phase: load, minus a third of the sun, plus the car."""
        sun_a = self.sun_w / 3 / VOLTAGE_V
        car = [self.box.drawn_a if index < self.box.used else 0.0 for index in range(3)]
        one, two, three = (self.load_a[i] - sun_a + car[i] for i in range(3))
        return one, two, three

    def second(self) -> None:
        """One second of the world."""
        self.now_s += 1.0
        for item in [item for item in self.under_way if item[0] <= self.now_s]:
            self.under_way.remove(item)
            self.box.now_s = self.now_s
            self.box.take(item[1])
        self.box.second()
        if not self.meter_silent:
            self._read_meter()
        if not (self.cloud_down or self.mute) and int(self.now_s) % 5 == 0:
            self._read_charger()
        if (self.now_s - self.last_tick_s) >= TICK_S:
            self._tick()

    def _read_charger(self) -> None:
        told = self.box.status(self.now_s)
        self.reports.append(replace(told, **dict.fromkeys(self.unsaid)))
        self.charger_ok_s = self.now_s
        self._hear_of_car(self.reports[-1])

    def _hear_of_car(self, told: ChargerStatus) -> None:
        """Note when the car's power was last told; of a car that waits nothing has to be."""
        silent = told.power_w is None and told.current_a is None and told.car is CarState.CHARGING
        if self.car_told_s is None or not silent:
            self.car_told_s = told.data_s

    def _read_meter(self) -> None:
        if self.meter_frozen and self.grid:
            old = self.grid[-1]
            phases, print_ = old.phase_current_a, old.fingerprint
            assert phases is not None
        else:
            phases, print_ = self.import_a(), repr((self.now_s, self.import_a())).encode()
        self.grid.append(
            GridReading(self.now_s, sum(phases) * VOLTAGE_V, phase_current_a=phases, fingerprint=print_)
        )
        if print_ != self.last_print:
            self.last_print, self.changed_s = print_, self.now_s
        self.meter_ok_s = self.now_s

    def _tick(self) -> None:
        seen = snapshot.Observations(
            now_s=self.now_s,
            since_s=self.last_tick_s,
            started_s=self.started_s,
            grid=tuple(self.grid),
            charger=tuple(self.reports),
            grid_changed_s=self.changed_s,
            prices=Prices(),
            worth=self.worth,
            needs=self.needs,
            ledger_degraded=self.disk_ill,
            car_told_s=self.car_told_s,
        )
        snap = snapshot.build(seen, self.limits, self.state.link.last_write_s)
        self.state, decision = pipeline.step(self.state, snap, self.strategy, self.limits)
        self.last_tick_s = self.now_s
        self.decisions.append(decision)
        self._watch_overload(decision)
        if isinstance(decision.action, Send):
            self._send(decision, decision.action)

    def _watch_overload(self, decision: Decision) -> None:
        """Note a tick that saw a phase above fuse minus margin and did not take the excess off."""
        quiet = not self.under_way and not self.drop_writes and not self.cloud_down
        recent = bool(self.sent) and self.now_s - self.sent[-1].at_s < 45
        if self.limits.fuse_a is None or not self.grid or not quiet or recent or self.box.frc == 1:
            return
        seen_a = self.grid[-1].phase_current_a
        if (
            not self.box.plugged
            or seen_a is None
            or self.box.rbc != (self.state.link.reboot_count or self.box.rbc)
        ):
            return
        phases = range(3) if self.box.phases == 3 else (0,)
        excess_a = max(seen_a[phase] for phase in phases) - (self.limits.fuse_a - self.limits.fuse_margin_a)
        if excess_a <= 0.01:
            return
        after = decision.action.command if isinstance(decision.action, Send) else decision.in_force
        after_a = after.current_a if isinstance(after, Charge) else 0
        if after_a > max(self.box.amp - excess_a, 0.0):
            self.unanswered_overloads.append(f"at {self.now_s}: {excess_a:.1f} A too much, then {after}")

    def _send(self, decision: Decision, send: Send) -> None:
        meter = self.grid[-1].phase_current_a if self.grid else None
        before_a, before_phases = self.true_offer()
        self.sent.append(
            Sent(
                self.now_s,
                decision,
                send,
                meter,
                self.now_s - self.meter_ok_s,
                self.now_s - self.charger_ok_s,
                self.foreign,
                before_a,
                before_phases,
                self.box.amp if self.box.at_limit and self.box.frc != 1 else 0,
            )
        )
        keys = send.settings.keys()
        if keys.get("frc") == 1:
            self.offer_a = 0
        elif isinstance(send.command, Charge):
            self.offer_a, self.offer_phases = send.command.current_a, send.command.phases
        lost = self.drop_writes or self.cloud_down or self.answers is OutcomeKind.REFUSED
        slow_s = 15.0 if self.crossing and len(self.sent) % 2 else 0.0
        if not lost:
            self.under_way.append((self.now_s + self.late_s + slow_s, keys))
        kind = OutcomeKind.UNKNOWN if self.cloud_down else self.answers
        self.state = pipeline.answered(self.state, send.settings, WriteOutcome(kind))

    def true_offer(self) -> tuple[int, int]:
        """Return the most the box offers or will offer once what is under way arrives."""
        box = self.box
        offers = [(0 if box.frc == 1 or box.at_limit else box.amp, box.phases)]
        amp, frc, psm, dwo = box.amp, box.frc, box.psm, box.dwo
        for _, keys in self.under_way:
            amp, frc, psm = keys.get("amp", amp), keys.get("frc", frc), keys.get("psm", psm)
            dwo = keys.get("dwo", dwo)
            held = dwo is not None and box.session_wh >= dwo
            offers.append((0 if frc == 1 or held else amp, 1 if psm == 1 else 3))
        return max(offer[0] for offer in offers), max(offer[1] for offer in offers)

    @property
    def disk_ill(self) -> bool:
        """Return whether what is sent goes on no record."""
        return False

    @property
    def needs(self) -> tuple[Need, ...]:
        """Return what is missing at the departure, nothing without a car."""
        if self.leaves_s is None or not self.box.plugged:
            return ()
        return (Need(self.leaves_s, max(self.needs_wh - self.box.session_wh, 0.0)),)

    def run(self, seconds: int) -> None:
        """Let time pass."""
        for _ in range(seconds):
            self.second()

    def stop(self, seconds: int) -> None:
        """Let time pass without a controller; what is under way arrives."""
        for _ in range(seconds):
            self.now_s += 1.0
            for item in [item for item in self.under_way if item[0] <= self.now_s]:
                self.under_way.remove(item)
                self.box.now_s = self.now_s
                self.box.take(item[1])
            self.box.second()
        self.last_tick_s = self.now_s

    def plug(self) -> None:
        """Plug a car in; the box starts by itself at its settings, as a real one does."""
        self.box.plugged, self.box.session_wh, self.box.pauses = True, 0.0, 0
        self.offer_a, self.offer_phases = self.box.amp, self.box.phases
        self.box.changes_s.clear()
        self.plugged_s = self.now_s

    def unplug(self) -> None:
        """Take the car away; the box forgets `frc`."""
        self.box.plugged, self.box.frc, self.box.drawn_a = False, 0, 0.0
        self.foreign = False
        self.offer_a = 0


def charging(world: World) -> bool:
    """Return whether the car really draws."""
    return world.box.drawn_a > 1.0


def command_off(send: Send) -> bool:
    """Return whether a write is a stop."""
    return isinstance(send.command, Off)
