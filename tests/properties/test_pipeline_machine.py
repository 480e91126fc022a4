"""The promises of the pipeline under a life of sun, kettles, people and broken networks.

A hypothesis state machine over `pipeline.step` and a small world; rules are named after life, and the
oracle uses only what the world itself injected. Biased so that the car really charges.
"""

import os
from dataclasses import replace
from itertools import pairwise
from unittest import TestCase

import pytest
from hypothesis import HealthCheck, Phase, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.limits import Limits
from controller.model import Charge, Off, SiteSnapshot, Strategy, Wish, Worth
from strategies.fast import Fast
from strategies.min_surplus import MinSurplus
from strategies.ready_by import ReadyBy
from strategies.surplus import Surplus
from strategies.tariff import Tariff
from strategies.timers import Timers
from tests.properties.world import VOLTAGE_V, World, charging, command_off

FUSE_A, MARGIN_A = 25.0, 2.0
LEASH_WH = 3000.0
LIMITS = Limits(fuse_a=FUSE_A, fuse_margin_a=MARGIN_A, response_s=60.0)


class Hostile:
    """A strategy that wants something else every time, faults included."""

    def initial(self) -> int:
        return 0

    def decide(self, snap: SiteSnapshot, memory: int) -> tuple[Wish, int]:
        kind = memory % 7
        if kind == 0:
            raise RuntimeError("boom")
        if kind == 1:
            return None, memory + 1  # type: ignore[return-value]
        if kind == 2:
            return Wish(Off(), "off"), memory + 1
        if kind == 3:
            return Wish(Charge(32, 3), "all of it"), memory + 1
        if kind == 4:
            return Wish(16.0, "a number"), memory + 1  # type: ignore[arg-type]
        return Wish(Charge(6 + memory % 27, 1 if memory % 2 else 3), "whatever"), memory + 1


STRATEGIES = {
    "surplus": lambda: Surplus(20.0, 0.75),
    "eager": lambda: Surplus(26.0, None),
    "min_surplus": lambda: MinSurplus(20.0, None),
    "fast": Fast,
    "timers": Timers,
    "tariff": lambda: Tariff(25.0),
    "ready_by": ReadyBy,
    "hostile": Hostile,
}


class House(RuleBasedStateMachine):
    """One house, one car, any strategy."""

    limits = LIMITS
    allowed_keys = frozenset({"amp", "frc", "psm"})

    per_day = 6
    """Phase changes there are."""
    names = tuple(sorted(STRATEGIES))
    checked = heard = 0
    touched = 0
    """How often somebody used the app."""

    @initialize(pick=st.integers(0, 839), sun_kw=st.integers(3, 9))
    def morning(self, pick: int, sun_kw: int) -> None:
        self.name = self.names[pick % len(self.names)]
        self.world = self.world_of(STRATEGIES[self.name]())
        self.world.sun_w = sun_kw * 1000.0
        self.world.box.breaks_pilot = pick % 2 == 1
        self.evening_before(sun_kw)
        self.world.run(15)
        self.world.plug()
        self.world.run(400)

    def world_of(self, strategy: Strategy) -> World:
        """Return the world of this house."""
        return World(strategy, self.limits)

    def evening_before(self, sun_kw: int) -> None:
        """Set up what else there is before the car comes."""

    @rule(sun_kw=st.floats(0, 10), seconds=st.integers(10, 400))
    def sun(self, sun_kw: float, seconds: int) -> None:
        self.world.sun_w = sun_kw * 1000
        self.world.run(seconds)

    @rule(share=st.floats(0.05, 0.9), seconds=st.integers(10, 300))
    def cloud(self, share: float, seconds: int) -> None:
        clear_w = self.world.sun_w
        self.world.sun_w = clear_w * share
        self.world.run(seconds)
        self.world.sun_w = clear_w
        self.world.run(20)

    @rule(phase=st.integers(0, 2), amps=st.floats(5, 28), seconds=st.integers(5, 240))
    def kettle(self, phase: int, amps: float, seconds: int) -> None:
        self.world.load_a[phase] += amps
        self.world.run(seconds)
        self.world.load_a[phase] = 1.0
        self.world.run(15)

    @rule(times=st.integers(2, 8), high_kw=st.floats(3, 9))
    def flutter(self, times: int, high_kw: float) -> None:
        for turn in range(times):
            self.world.sun_w = high_kw * 1000 if turn % 2 else 500.0
            self.world.run(25)

    @rule()
    def unplug(self) -> None:
        self.world.unplug()
        self.world.run(60)
        assert not charging(self.world)

    @precondition(lambda self: not self.world.box.plugged)
    @rule()
    def plug(self) -> None:
        self.world.plug()
        self.world.run(60)

    @rule(amp=st.integers(6, 16), frc=st.sampled_from([1, 2]))
    def app_user(self, amp: int, frc: int) -> None:
        """Somebody turns the knobs in the app, again if a write of ours crossed theirs before it was seen."""
        box = self.world.box
        if self.world.under_way or self.world.cloud_down or not box.plugged or box.frc == 0:
            return
        recent = [sent for sent in self.world.sent if self.world.now_s - sent.at_s < 130]
        if recent or (amp, frc) == (box.amp, box.frc):
            return
        for _ in range(5):
            (box.amp, box.frc), count = (amp, frc), len(self.world.sent)
            self.world.run(6)
            if len(self.world.sent) == count:
                break
        self.world.foreign = True
        self.touched += 1
        self.world.offer_a = 0 if frc == 1 else amp
        self.world.run(30)

    @rule()
    def reboot(self) -> None:
        self.world.box.rbc += 1
        self.world.box.boot_s = self.world.now_s
        self.world.cloud_down = True
        self.world.run(20)
        self.world.cloud_down = False
        self.world.run(20)

    @rule(seconds=st.integers(5, 150))
    def lost(self, seconds: int) -> None:
        """The meter says nothing."""
        self.world.meter_silent = True
        self.world.run(seconds)
        self._blind_after(seconds)
        self.world.meter_silent = False
        self.world.run(10)

    @rule(seconds=st.integers(30, 150))
    def frozen_meter(self, seconds: int) -> None:
        """The meter answers and never changes."""
        was_charging = charging(self.world)
        self.world.meter_frozen = True
        self.world.run(seconds)
        if was_charging and seconds >= 60 + 22:
            assert self.world.true_offer()[0] == 0, "frozen meter, still offering"
        self.world.meter_frozen = False
        self.world.run(10)

    @rule(seconds=st.integers(5, 200))
    def cloud_down(self, seconds: int) -> None:
        self.world.cloud_down = True
        self.world.run(seconds)
        self.world.cloud_down = False
        self.world.run(20)

    @rule(seconds=st.integers(20, 200))
    def drop_write(self, seconds: int) -> None:
        """The cloud says 202 and forgets."""
        self.world.drop_writes = True
        self.world.sun_w = 8000.0
        self.world.run(seconds)
        self.world.drop_writes = False
        self.world.run(20)

    @rule(late_s=st.floats(1, 25))
    def late_write(self, late_s: float) -> None:
        self.world.late_s = late_s
        self.world.sun_w = 9000.0
        self.world.run(120)
        self.world.late_s = 1.0
        self.world.run(30)

    @precondition(lambda self: self.name in ("surplus", "eager", "min_surplus", "timers", "fast", "tariff"))
    @rule(sun_kw=st.floats(4.0, 9.0))
    def steady(self, sun_kw: float) -> None:
        """Liveness: steady sun, a willing car, nothing broken: it charges, and then falls silent."""
        world = self.world
        if not self.willing(sun_kw):
            return
        world.run(900 + 300 + 180 + 700)
        if not charging(world):  # in the middle of a phase change, perhaps
            world.run(60)
        assert charging(world), f"{self.name} leaves {sun_kw:.1f} kW unused"
        event(f"charges with {self.name}")
        before = len(world.sent)
        world.run(300)
        if len(world.sent) - before > 3:  # a change of phases that pays slowly was due just now
            before = len(world.sent)
            world.run(900)
        assert len(world.sent) - before <= 3, "constant conditions, no silence"
        asked = [sent for sent in world.sent if sent.at_s > world.plugged_s and sent.send.settings.phase_mode]
        if self.name in ("surplus", "eager", "min_surplus") and len(asked) < self.per_day:
            drawn_w = world.box.drawn_a * world.box.used * VOLTAGE_V
            left_w = world.sun_w - sum(world.load_a) * VOLTAGE_V - drawn_w
            assert abs(left_w) < 800, f"{self.name} leaves {left_w:.0f} W in constant conditions"

    @rule(value_ct=st.sampled_from([-10.0, 5.0, 18.0, 30.0, 34.0, 60.0]), seconds=st.integers(10, 400))
    def plan_says(self, value_ct: float, seconds: int) -> None:
        """The plan calls a kWh cheap or dear for a while, and then nothing more."""
        self.world.worth = Worth(value_ct, "by hand", self.world.now_s + seconds - 60)
        self.world.run(seconds)

    @precondition(lambda self: self.name == "ready_by")
    @rule(sun_kw=st.floats(0, 4), minutes=st.integers(45, 100), share=st.floats(0.1, 0.95))
    def leaves_at(self, sun_kw: float, minutes: int, share: float) -> None:
        """Liveness: the car has at its departure what one phase alone can bring, plan or no plan."""
        world = self.world
        if not self.willing(sun_kw):
            return
        certain_wh = 16 * VOLTAGE_V * (minutes - 25) / 60  # a pause, a phase change, a car that wakes up
        world.needs_wh = world.box.session_wh + share * certain_wh
        world.leaves_s = world.now_s + minutes * 60
        world.run(minutes * 60)
        assert world.box.session_wh >= world.needs_wh, "the departure was missed"
        event(f"ready by its departure, {'with' if sun_kw > 1.5 else 'without'} sun")
        world.leaves_s = None

    def willing(self, sun_kw: float) -> bool:
        """Let nothing be broken and a car be there; return whether it may charge."""
        world = self.world
        world.late_s = 1.0
        world.load_a = [1.0, 1.0, 1.0]
        world.sun_w = sun_kw * 1000
        world.run(30)
        if not world.box.plugged:
            world.plug()
        # Who turns the knobs three times may be another controller: that stays until somebody has looked.
        return not (world.foreign or self.touched >= 3 or self.barred())

    def barred(self) -> bool:
        """Return whether the user does not want the car to charge on."""
        return False

    def _blind_after(self, seconds: int) -> None:
        if seconds >= 60 + 22 and self.world.box.plugged:
            assert self.world.true_offer()[0] == 0, "blind and still offering"

    # -- what holds for every single write --------------------------------------------------------

    @invariant()
    def writes_keep_their_promises(self) -> None:
        if not hasattr(self, "world"):
            return
        for index in range(self.checked, len(self.world.sent)):
            sent = self.world.sent[index]
            self._domain(sent)
            self._distance(index)
            self._raise(sent)
            self.keeps_its_times(index)
        self.checked = len(self.world.sent)
        self._budget()

    @invariant()
    def nobody_is_accused(self) -> None:
        """What no person did is not called theirs, whatever the cloud loses, delays or tells late."""
        if not hasattr(self, "world"):
            return
        fresh, self.heard = self.world.decisions[self.heard :], len(self.world.decisions)
        if not self.touched:
            said = [note for decision in fresh for note in decision.notes if "from outside" in note]
            assert not said, "nobody was there"

    def _domain(self, sent) -> None:
        keys = sent.send.settings.keys()
        assert set(keys) <= self.allowed_keys
        assert all(type(value) is int for key, value in keys.items() if key != "dwo")
        assert 6 <= keys.get("amp", 6) <= 16
        assert keys.get("psm", 1) in (1, 2)
        if command_off(sent.send) and "frc" in keys:
            assert keys == {"frc": 1}
        if keys.get("frc") == 2:
            assert "amp" in keys

    def _distance(self, index: int) -> None:
        if index:
            assert self.world.sent[index].at_s - self.world.sent[index - 1].at_s >= 5.0

    def _raise(self, sent) -> None:
        command = sent.send.command
        if not isinstance(command, Charge) or sent.send.settings.limit_only:
            return
        same = sent.before_a > 0 and sent.before_phases == command.phases
        if same and command.current_a <= sent.before_a:
            return
        if sent.before_a >= command.current_a and sent.before_phases >= command.phases:
            return
        keys = sent.send.settings.keys()
        if keys.keys() == {"amp"} and command.current_a <= sent.held_a:
            return  # at its own limit it offers nothing, and will offer less than it would have
        event("raise")
        assert sent.meter_age_s <= 15, "raised on an old meter reading"
        assert sent.charger_age_s <= 40, "raised on old charger data"
        assert not sent.foreign, "raised over somebody's own setting"
        for phase in range(3) if command.phases == 3 else (0,):
            in_use = sent.before_a > 0 and (phase == 0 or sent.before_phases == 3)
            more_a = command.current_a - (sent.before_a if in_use else 0)
            assert sent.meter_a[phase] + more_a <= FUSE_A - MARGIN_A + 1e-6, "raised beyond the fuse"

    def keeps_its_times(self, index: int) -> None:
        """Hold one write against the least time on and the distance and number of phase changes."""
        sent = self.world.sent[index]
        since_s = max(sent.at_s - 300, self.world.plugged_s - 1)  # the start of another plug-in is another's
        earlier = [item for item in self.world.sent[:index] if item.at_s > since_s]
        if command_off(sent.send) and not sent.send.safety and sent.send.settings.keys() == {"frc": 1}:
            # A box that its own limit holds was started long ago: a setting sent meanwhile is no start.
            off = [item for item in earlier if item.before_a == 0 and item.held_a == 0]
            starts = [item for item in off if item.send.settings.keys().get("frc") == 2]
            assert not starts, "stopped within the minimum on time"
        changes_s = self.world.box.changes_s
        for first_s, next_s in zip(changes_s, changes_s[self.per_day :], strict=False):
            assert next_s - first_s >= 86_400 - 30, "more phase changes in a day of one plug-in than allowed"
        for before_s, after_s in pairwise(changes_s):
            assert after_s - before_s >= 600 - 30, "two phase changes within ten minutes"

    def _budget(self) -> None:
        comfort = [item.at_s for item in self.world.sent if not item.send.safety]
        for index in range(9, len(comfort)):
            assert comfort[index] - comfort[index - 9] >= 900, "more than nine comfort writes in 15 min"

    @invariant()
    def overloads_come_down_at_once(self) -> None:
        """The tick that sees a phase above fuse minus margin lowers the offer by at least the excess."""
        if not hasattr(self, "world"):
            return
        assert not self.world.unanswered_overloads
        if any(d.ceiling.reduce_source.startswith("overload") for d in self.world.decisions[-3:]):
            event("overload")

    def teardown(self) -> None:
        if hasattr(self, "world"):
            charged = any(isinstance(decision.in_force, Charge) for decision in self.world.decisions)
            event(f"strategy {self.name}, charged: {charged}")


House.TestCase.settings = settings(
    max_examples=int(os.environ.get("AMPILOT_EXAMPLES", "25")),
    stateful_step_count=12,
    deadline=None,
    # Shrinking runs hours of simulated life again and again; a long example still replays from its blob.
    phases=[Phase.explicit, Phase.reuse, Phase.generate]
    + ([Phase.shrink] if os.environ.get("AMPILOT_SHRINK") else []),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    print_blob=True,
)
TestHouse = House.TestCase


def at_length(machine: type[RuleBasedStateMachine]) -> type[TestCase]:
    """Return the test of a machine once more, for the long run: with more examples."""
    case = type(f"Long{machine.__name__}", (machine,), {}).TestCase
    examples = int(os.environ.get("AMPILOT_EXAMPLES", "60"))
    case.settings = settings(machine.TestCase.settings, max_examples=examples)
    return pytest.mark.slow(pytest.mark.long(case))


TestLongHouse = at_length(House)


def test_a_stop_for_safety_that_was_lost_leaves_the_least_time_on() -> None:
    """A start, a dead cloud that swallows the blind stop of 220 s later, and power that is dear at once."""
    house = House()
    house.morning(sun_kw=4, pick=House.names.index("ready_by"))
    house.cloud(seconds=218, share=0.08)
    house.plan_says(seconds=248, value_ct=-10.0)
    house.late_write(late_s=2.4)
    house.cloud_down(seconds=136)
    house.plan_says(seconds=376, value_ct=-10.0)
    assert any(sent.send.safety for sent in house.world.sent)
    for index in range(len(house.world.sent)):
        house.keeps_its_times(index)


def test_a_phase_change_that_arrives_late_is_no_car_that_leaves() -> None:
    """22 s late, given up after 15, it breaks the pilot and the box says "no car": nothing is parked."""
    house = House()
    house.morning(sun_kw=4, pick=House.names.index("eager"))
    house.world.box.breaks_pilot = True
    house.plan_says(seconds=305, value_ct=-10.0)
    house.kettle(amps=19.2, phase=0, seconds=226)
    house.kettle(amps=15.6, phase=1, seconds=218)
    house.late_write(late_s=22.0)
    assert len(house.world.box.changes_s) == 1
    assert not any("no car" in sent.send.reason for sent in house.world.sent)


class Commuter(House):
    """The same house of somebody who leaves at a time, whatever else happens."""

    names = ("ready_by",)


Commuter.TestCase.settings = House.TestCase.settings
TestCommuter = Commuter.TestCase
TestLongCommuter = at_length(Commuter)


class LeashedHouse(House):
    """The same house with the energy leash, a limit of the user, and a box that obeys its limit."""

    limits = replace(LIMITS, leash_wh=LEASH_WH)
    allowed_keys = House.allowed_keys | {"dwo"}

    def evening_before(self, sun_kw: int) -> None:
        """What the user has set, and whether they did so while a limit of ours was there."""
        self.theirs_wh = (None, 2000, 9000, 25_500.5)[sun_kw % 4]
        self.world.box.dwo = self.theirs_wh
        self.rests = False

    def barred(self) -> bool:
        """Their limit ends the session within what a steady hour brings."""
        return self.theirs_wh is not None and self.theirs_wh < self.world.box.session_wh + 10_000

    def healthy(self, seconds: int) -> None:
        """Let time pass with nothing broken."""
        self.world.late_s = 1.0
        self.world.run(seconds)

    @rule(kwh=st.sampled_from([None, 1.5, 6.0, 17.25, 40.0]))
    def limit_in_the_app(self, kwh: float | None) -> None:
        """Somebody sets the energy limit, again if a write of ours crossed theirs: it stays."""
        world, box = self.world, self.world.box
        limit_wh = None if kwh is None else 1000 * kwh
        if world.under_way or limit_wh in (box.dwo, self.theirs_wh):
            return
        ours = box.dwo != self.theirs_wh
        self.theirs_wh, self.rests = limit_wh, self.rests or box.plugged
        for _ in range(5):
            box.dwo, count = limit_wh, len(world.sent)
            world.run(12)
            if not any(sent.send.settings.energy_limit_wh is not None for sent in world.sent[count:]):
                break
        if ours:
            event("limit in the app over ours")
            self.healthy(900)
            assert box.dwo == limit_wh, "the user's limit was overwritten"

    @rule(seconds=st.integers(600, 6 * 3600))
    def dead(self, seconds: int) -> None:
        """Nobody is there for hours: the car takes no more than the leash, if nothing was amiss before."""
        self.healthy(1000)
        world, box = self.world, self.world.box
        ours = box.plugged and box.frc == 2 and not (world.foreign or self.rests or world.under_way)
        before_wh = box.taken_wh
        world.stop(seconds)
        if ours:
            event(f"dead while charging: stopped by its limit: {box.at_limit}")
            assert box.taken_wh - before_wh <= LEASH_WH + 1, "more than the leash"
        world.run(60)

    @rule()
    def session_begins_anew(self) -> None:
        """The charger forgets what it counted (go-e #68)."""
        self.world.box.session_wh = 0.0
        self.world.run(60)

    @rule()
    def unplug(self) -> None:
        """A quarter of an hour after the car has gone its limit is what the user had."""
        self.rests = False
        self.world.unplug()
        self.world.run(60)
        assert not charging(self.world)
        self.healthy(1000)
        assert self.world.box.dwo == self.theirs_wh, "the user's limit was not put back"
        event(f"put back: {self.theirs_wh}")


LeashedHouse.TestCase.settings = House.TestCase.settings
TestLeashedHouse = LeashedHouse.TestCase
TestLongLeashedHouse = at_length(LeashedHouse)
