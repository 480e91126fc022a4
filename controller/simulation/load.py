"""A generated day of a household: each appliance on its phase, one value a second."""

import random
from dataclasses import dataclass

from controller.units import DAY_S

PerPhaseDay = tuple[list[float], list[float], list[float]]


@dataclass(frozen=True, slots=True)
class Appliance:
    """Something that is switched on a few times a day. Times in s, hours local to the day."""

    power_w: float
    phase: int
    runs: tuple[int, int]
    lasts_s: tuple[int, int]
    hours: tuple[float, float]
    cycle_s: tuple[int, int] | None = None


HOUSEHOLD = (
    Appliance(2000, 0, (3, 6), (120, 200), (6, 21)),  # kettle
    Appliance(2200, 1, (0, 2), (1500, 3600), (11, 20), (60, 90)),  # oven, thermostat
    Appliance(1500, 1, (1, 3), (400, 1200), (7, 20), (15, 25)),  # hob
    Appliance(2100, 2, (0, 1), (900, 1500), (8, 17)),  # washing machine heats
    Appliance(1900, 2, (0, 1), (900, 1300), (12, 22)),  # dishwasher heats
    Appliance(900, 0, (1, 3), (120, 500), (7, 21)),  # microwave
    Appliance(260, 1, (1, 1), (10_000, 16_000), (18, 20)),  # evening: light, television
)


def household_day(seed: int) -> PerPhaseDay:
    """Return the load in W of L1, L2, L3 for every second of a day; the same for the same seed."""
    rng = random.Random(f"load/{seed}")  # noqa: S311 - kettles, not secrets
    phases: PerPhaseDay = ([60.0] * DAY_S, [45.0] * DAY_S, [40.0] * DAY_S)
    _fridge(rng, phases[0])
    for appliance in HOUSEHOLD:
        for _ in range(rng.randint(*appliance.runs)):
            low, high = appliance.hours
            begin = int(rng.uniform(low, high) * 3600)
            _run(phases[appliance.phase], appliance, begin, rng.randint(*appliance.lasts_s))
    return phases


def _fridge(rng: random.Random, phase: list[float]) -> None:
    at = rng.randint(0, 1500)
    while at < DAY_S:
        lasts = rng.randint(500, 900)
        for second in range(at, min(at + lasts, DAY_S)):
            phase[second] += 90.0
        at += lasts + rng.randint(1200, 2400)


def _run(phase: list[float], appliance: Appliance, begin: int, lasts_s: int) -> None:
    for second in range(begin, min(begin + lasts_s, DAY_S)):
        if appliance.cycle_s is not None:
            on_s, off_s = appliance.cycle_s
            if (second - begin) % (on_s + off_s) >= on_s:
                continue
        phase[second] += appliance.power_w
