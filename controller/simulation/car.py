"""Cars as chargers know them: how fast they follow, what they refuse, when they sleep.

The profiles restate what users and drivers report of real cars; each number is a parameter.
"""

from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, slots=True)
class CarProfile:
    """One kind of car. Currents in A per phase, times in s, capacity of the need in Wh.

    `offset_a` is what it draws beside the offer, `sleeps_after` how many interruptions it bears.
    """

    name: str = "ideal"
    phases: int = 3
    max_a: float = 16.0
    min_a: float = 6.0
    start_lag_s: float = 8.0
    lag_s: float = 2.0
    offset_a: float = 0.0
    sleeps_after: int | None = None
    stops_on_pilot_break: bool = False
    taper_wh: float = 500.0


PROFILES = {
    profile.name: profile
    for profile in (
        CarProfile(),
        CarProfile("slow", start_lag_s=28.0, lag_s=10.0),
        CarProfile("zoe", min_a=8.0, start_lag_s=20.0),
        CarProfile("two_phase", phases=2),
        CarProfile("one_phase", phases=1, max_a=32.0),
        CarProfile("phev", phases=1, sleeps_after=5),
        CarProfile("stops_on_break", stops_on_pilot_break=True),
        CarProfile("undershoots", offset_a=-0.4),
        CarProfile("overshoots", offset_a=0.3),
    )
}


@dataclass(slots=True)
class Car:
    """A car on the cable: takes `need_wh`, following the pilot in its own way."""

    profile: CarProfile
    need_wh: float = 40_000.0
    taken_wh: float = 0.0
    current_a: float = 0.0
    interruptions: int = 0
    asleep: bool = False
    _waited_s: float = 0.0
    _was_offered: bool = False

    @property
    def full(self) -> bool:
        """Return whether it has what it wants."""
        return self.taken_wh >= self.need_wh

    def pilot_break(self) -> None:
        """Feel the pilot vanish, as in a phase switch or a simulated unplug."""
        self.current_a, self._waited_s = 0.0, 0.0
        if self.profile.stops_on_pilot_break and self.interruptions > 0:
            self.asleep = True

    def step(self, seconds: float, offered_a: float, phases: int, voltage_v: float) -> float:
        """Let time pass with this offer (0: none) and return the current drawn per used phase, in A."""
        if offered_a <= 0:
            if self._was_offered:
                self.interruptions += 1
                limit = self.profile.sleeps_after
                self.asleep = self.asleep or (limit is not None and self.interruptions >= limit)
            self._was_offered, self._waited_s = False, 0.0
            self.current_a *= exp(-seconds / 1.0)
            self.current_a = 0.0 if self.current_a < 0.1 else self.current_a
            return self.current_a
        self._was_offered = True
        self._waited_s += seconds
        target_a = 0.0
        if not self.asleep and not self.full and self._waited_s > self.profile.start_lag_s:
            target_a = self._wanted(offered_a)
        self.current_a = target_a + (self.current_a - target_a) * exp(-seconds / self.profile.lag_s)
        if target_a == 0.0 and self.current_a < 0.1:
            self.current_a = 0.0
        self.taken_wh += self.current_a * self.used(phases) * voltage_v * seconds / 3600
        return self.current_a

    def used(self, phases: int) -> int:
        """Return how many of the offered phases it uses."""
        return min(self.profile.phases, phases)

    def _wanted(self, offered_a: float) -> float:
        if offered_a < self.profile.min_a:
            return 0.0
        wanted_a = min(offered_a + self.profile.offset_a, self.profile.max_a)
        left_wh = self.need_wh - self.taken_wh
        return max(min(wanted_a, 1.0 + 15.0 * left_wh / self.profile.taper_wh), 0.0)
