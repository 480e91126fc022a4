"""A year of days: sun and clouds, kettles, a car that comes and goes, and every fault at its hour."""

import gc
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import controller.daemon  # noqa: F401 - what the service has loaded: its memory is what must not grow
from controller.limits import Limits
from controller.model import Strategy
from strategies.fast import Fast
from strategies.min_surplus import MinSurplus
from strategies.surplus import Surplus
from strategies.timers import Timers
from tests.properties.world import charging
from tests.soak.promises import LEASH_WH, Promises
from tests.soak.world import DAY_S, Year, sun_w

LIMITS = Limits(fuse_a=25.0, fuse_margin_a=2.0)
STEP_S = 300
STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "surplus": lambda: Surplus(20.0, 0.75),
    "timers": Timers,
    "min_surplus": lambda: MinSurplus(20.0, None),
    "fast": Fast,
}
FAULTS = (
    "meter_lost",
    "meter_frozen",
    "meter_garbage",
    "cloud_down",
    "cloud_late",
    "cloud_drops",
    "charger_reboot",
    "replug",
    "app_user",
    "clock_jump",
    "kill",
    "kettle",
    "flutter",
    "dead",
    "session_lost",
    "limit_in_the_app",
)


@dataclass
class Outcome:
    """What a soak has seen."""

    seed: int
    days: int
    wall_s: float = 0.0
    cpu_s: float = 0.0
    writes: int = 0
    lives: int = 0
    charged_kwh: float = 0.0
    first_week_mb: float = 0.0
    end_mb: float = 0.0
    first_handles: int = 0
    end_handles: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    digest: int = 0

    def __str__(self) -> str:
        grown = 100 * (self.end_mb / self.first_week_mb - 1) if self.first_week_mb else 0.0
        return (
            f"seed {self.seed}: {self.days} days in {self.wall_s:.0f} s ({self.cpu_s:.0f} s of CPU), "
            f"{self.writes} writes, {self.lives} "
            f"restarts, {self.charged_kwh:.0f} kWh, {sum(self.faults.values())} faults; memory "
            f"{self.first_week_mb:.1f} MB after a week, {self.end_mb:.1f} MB at the end ({grown:+.1f} %), "
            f"handles {self.first_handles} and {self.end_handles}"
        )


def resident_mb() -> float:
    """Return the resident memory of this process in MB, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def handles() -> int:
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


class Life:
    """One seed's year. Every random choice comes from the seed, so a failure can be lived again.

    `first_day` is the day of the year it begins on: the sun of a few days in January charges nobody.
    """

    def __init__(self, seed: int, folder: Path, first_day: int = 0) -> None:
        self.first_day = first_day
        self.rng = random.Random(seed)
        self.strategy = "surplus"
        self.leashed = True
        limits = replace(LIMITS, leash_wh=LEASH_WH)
        self.world = Year(lambda: STRATEGIES[self.strategy](), limits, folder, seed)
        self.promises = Promises(self.world, LIMITS)
        self.faults: Counter[str] = Counter()
        self.clear_w = 0.0
        self.digest = 0

    def run(self, days: int, say: Callable[[str], None] = lambda text: None) -> Outcome:
        """Live so many days and return what was seen. Raises Broken."""
        began, began_cpu = time.monotonic(), time.process_time()
        outcome = Outcome(self.world_seed, days)
        for day in range(days):
            self.day(day)
            if day == min(6, days - 1):
                self.promises.books()  # as before the end: what it reads of the ledger stays in a cache
                outcome.first_week_mb, outcome.first_handles = resident_mb(), handles()
            if day % 30 == 29:
                say(f"day {day + 1}: {self.world.writes} writes, {resident_mb():.1f} MB")
        self.promises.books()
        outcome.end_mb, outcome.end_handles = resident_mb(), handles()
        outcome.wall_s, outcome.cpu_s = time.monotonic() - began, time.process_time() - began_cpu
        outcome.writes, outcome.lives = self.world.writes, self.world.lives
        outcome.charged_kwh, outcome.faults = self.world.charged_wh / 1000, self.faults
        outcome.digest = self.digest
        self.world.ledger.close()
        return outcome

    world_seed: int = 0

    def day(self, day: int) -> None:
        """Live one day in steps of five minutes, with up to eight faults at random moments."""
        rng, world = self.rng, self.world
        if day % 30 == 29:
            self.strategy = rng.choice(sorted(STRATEGIES))
            self.leashed = rng.random() < 0.5
            world.limits = replace(LIMITS, leash_wh=LEASH_WH if self.leashed else None)
            world.kill_and_restart()
        peak_w = rng.choice((1500.0, 4000.0, 7000.0, 9500.0))
        cloudy = rng.choice((0.0, 0.2, 0.6))
        arrives, leaves = sorted(rng.sample(range(6 * 3600, 23 * 3600), 2))
        at_home = rng.random() < 0.3
        when = Counter(rng.randrange(DAY_S // STEP_S) for _ in range(rng.randrange(9)))
        for step in range(DAY_S // STEP_S):
            second = step * STEP_S
            self.clear_w = sun_w((self.first_day + day) % 365, second, peak_w)
            broken = rng.uniform(0.1, 0.9) if rng.random() < cloudy else 1.0
            world.sun_w = self.clear_w * broken
            if not at_home:
                self._comes_and_goes(second, arrives, leaves)
            for _ in range(when[step]):
                name = rng.choice(FAULTS)
                self.faults[name] += 1
                getattr(self, name)()
                self.promises.check()
            end_s = world.begun_s + day * DAY_S + second + STEP_S
            world.live(max(int(end_s - world.now_s), 0))
            self.promises.check()
            self.digest = hash(
                (self.digest, world.writes, world.box.amp, world.box.frc, round(world.charged_wh))
            )
        world.acknowledge()
        if day % 30 == 0 or day < 3:
            self.promises.books()
        self._liveness(day)

    def _comes_and_goes(self, second: int, arrives: int, leaves: int) -> None:
        world = self.world
        if arrives <= second < arrives + STEP_S and not world.box.plugged:
            world.plug()
        elif leaves <= second < leaves + STEP_S and world.box.plugged:
            world.unplug()

    def _liveness(self, day: int) -> None:
        """LV1, once a month: sun and a willing car end in charging, or "always off" would pass."""
        if day % 30 != 15:
            return
        world = self.world
        world.unplug()
        world.live(1000)
        self.promises.put_back()
        world.plug()
        world.sun_w = 6000.0
        world.live(1500 + 700)
        if not charging(world):
            raise AssertionError(f"LV1: day {day}: {self.strategy} leaves 6 kW of sun unused")

    # -- faults ---------------------------------------------------------------------------------

    def meter_lost(self) -> None:
        seconds = self.rng.randrange(5, 400)
        self.world.meter_silent = True
        self.world.live(seconds)
        self.promises.blind(seconds)
        self.world.meter_silent = False
        self.world.live(10)

    def meter_garbage(self) -> None:
        seconds = self.rng.randrange(5, 400)
        self.world.garbled = True
        self.world.live(seconds)
        self.promises.blind(seconds)
        self.world.garbled = False
        self.world.live(10)

    def meter_frozen(self) -> None:
        seconds = self.rng.randrange(30, 300)
        drew = charging(self.world)
        self.world.meter_frozen = True
        self.world.live(seconds)
        if drew:
            self.promises.blind(seconds)
        self.world.meter_frozen = False
        self.world.live(10)

    def cloud_down(self) -> None:
        self.world.cloud_down = True
        self.world.live(self.rng.randrange(5, 900))
        self.world.cloud_down = False
        self.world.live(20)

    def cloud_late(self) -> None:
        self.world.late_s = self.rng.uniform(1, 25)
        self.world.live(self.rng.randrange(60, 600))
        self.world.late_s = 1.0
        self.world.live(30)

    def cloud_drops(self) -> None:
        self.world.drop_writes = True
        self.world.live(self.rng.randrange(20, 300))
        self.world.drop_writes = False
        self.world.live(20)

    def charger_reboot(self) -> None:
        box = self.world.box
        box.rbc += 1
        box.boot_s = self.world.now_s
        self.world.cloud_down = True
        self.world.live(20)
        self.world.cloud_down = False
        self.world.live(20)

    def replug(self) -> None:
        if self.world.box.plugged:
            self.world.unplug()
            self.world.live(self.rng.randrange(30, 2000))
            self.world.plug()

    def dead(self) -> None:
        """Nobody commands the charger for hours, after a quarter of an hour in which nothing is broken."""
        world, box = self.world, self.world.box
        world.live(1000)
        ours = box.plugged and box.frc == 2 and not (world.foreign or world.rests or world.under_way)
        before_wh = box.taken_wh
        world.stop(self.rng.randrange(600, 4 * 3600))
        if ours and self.leashed:
            self.faults["of_these_on_a_leash"] += 1
            self.promises.leash(box.taken_wh - before_wh)
        world.live(60)

    def session_lost(self) -> None:
        """The charger forgets what the car has taken (go-e #68)."""
        self.world.box.session_wh = 0.0
        self.world.live(60)

    def limit_in_the_app(self) -> None:
        """Somebody sets the energy limit, again if a write of ours crossed theirs."""
        world, box = self.world, self.world.box
        limit_wh = self.rng.choice((None, 9000.0, 25_500.5, 60_000.0))
        if world.under_way or limit_wh in (box.dwo, world.theirs_wh):
            return
        world.theirs_wh, world.rests = limit_wh, box.plugged
        for _ in range(5):
            box.dwo, count = limit_wh, world.writes
            world.live(12)
            if not any("dwo" in list(world.written)[-n].keys for n in range(1, world.writes - count + 1)):
                break

    def app_user(self) -> None:
        """Somebody turns the knobs in the app while no write of ours is on its way."""
        world, box = self.world, self.world.box
        amp, frc = self.rng.randrange(6, 17), self.rng.choice((1, 2))
        recent = [w for w in world.written if world.now_s - w.at_s < 130]
        if world.under_way or not box.plugged or box.frc == 0 or recent or (amp, frc) == (box.amp, box.frc):
            return
        box.amp, box.frc = amp, frc
        world.live(6)
        world.foreign = True
        world.offer_a = 0 if frc == 1 else amp
        world.live(30)

    def clock_jump(self) -> None:
        self.world.clock.step_wall(self.rng.choice((-3600.0, -5.0, 60.0, 3600.0)))
        self.world.live(60)

    def kill(self) -> None:
        self.world.kill_and_restart()
        self.world.live(self.rng.randrange(10, 120))

    def kettle(self) -> None:
        phase = self.rng.randrange(3)
        self.world.load_a[phase] += self.rng.uniform(5, 28)
        self.world.live(self.rng.randrange(5, 300))
        self.world.load_a[phase] = 1.0
        self.world.live(15)

    def flutter(self) -> None:
        for turn in range(self.rng.randrange(2, 8)):
            self.world.sun_w = 8000.0 if turn % 2 else 500.0
            self.world.live(25)


def soak(
    seed: int,
    days: int,
    folder: Path,
    say: Callable[[str], None] = lambda text: None,
    first_day: int = 0,
) -> Outcome:
    """Live a life of so many days of a year from a seed; return what was seen. Raises Broken."""
    life = Life(seed, folder, first_day)
    life.world_seed = seed
    return life.run(days, say)
