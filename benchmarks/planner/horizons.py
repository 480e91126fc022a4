"""Random days and a half as the service meets them: season, clouds, prices, departures. Seeds repeat them.

Half have one price, half the recorded day-ahead prices of the zone DE-LU (winter 2025/26) with taxes and
fees. The sun is a half cosine of the season's length with clouds by the quarter-hour; three scenarios of it.
"""

import lzma
import math
import random
from functools import cache
from pathlib import Path

from controller.planner.task import SLOT_S, CarPower, Departure, PlanSlot, Task

RECORDED = Path(__file__).parents[2] / "tests/fixtures/prices/de_lu_2025_10_quarters.txt.xz"
FIRST_DAY_OF_YEAR = 273
"""1 October, where the recorded prices begin."""

QUARTERS = 144
SKIES = (0.6, 1.0, 1.3)
FIXED_CT, EXPORT_CT = 32.0, 8.0
FEES_CT, TAX = 20.0, 1.19
"""What stands on top of the exchange's price, ct/kWh, and the factor on it (chosen: a usual German bill)."""


def horizon(seed: int) -> Task:
    """Return one task of 36 hours in quarter-hours: 4 to 14 kWp, 4 to 30 kWh, one or two departures."""
    rng = random.Random(seed)
    dynamic = rng.random() < 0.5
    begun = rng.randrange(96)
    day = rng.randrange(len(recorded_ct()) // 96 - 3) if dynamic else rng.randrange(365)
    prices_ct = recorded_ct()[day * 96 + begun :] if dynamic else [FIXED_CT] * QUARTERS
    sun_w = _sun_w(rng, (FIRST_DAY_OF_YEAR + day) % 365 if dynamic else day, begun)
    slots = tuple(
        PlanSlot(
            SLOT_S * n,
            SLOT_S * (n + 1),
            prices_ct[n],
            EXPORT_CT,
            tuple(sun_w[n] * sky - house_w for sky in SKIES),
        )
        for n, house_w in enumerate([300 + 500 * rng.random() for _ in range(QUARTERS)])
    )
    need_wh = rng.uniform(4000, 30_000)
    last = rng.randrange(48, QUARTERS + 1)
    departures = [Departure(last * SLOT_S, need_wh)]
    if rng.random() < 0.25:
        departures.insert(0, Departure(rng.randrange(24, last) * SLOT_S, need_wh * rng.uniform(0.2, 0.8)))
    return Task(
        slots=slots,
        departures=tuple(departures),
        car=CarPower(max_a=rng.choice((16, 16, 10)), phases=rng.choice(((1, 3), (1, 3), (1, 3), (1,)))),
        later_value_ct=rng.uniform(8.5, 22.0),
        room_wh=need_wh * rng.uniform(1.0, 2.0) if rng.random() < 0.5 else None,
        phases_now=rng.choice((1, 3)),
        charging_now=rng.random() < 0.25,
    )


def _sun_w(rng: random.Random, day_of_year: int, begun: int) -> list[float]:
    """Return the yield by the quarter from quarter `begun` of a day on, in W."""
    kwp, cloud = rng.uniform(4, 14), rng.choice((0.0, 0.3, 0.7))
    summer = math.cos(2 * math.pi * (day_of_year - 172) / 365)  # 1 on 21 June
    light_h, peak_w = 12 + 4 * summer, kwp * (550 + 250 * summer)
    found = []
    for n in range(QUARTERS):
        hour = (begun + n + 0.5) / 4 % 24 - 12.5
        shade = rng.uniform(0.1, 0.8) if rng.random() < cloud else 1.0
        lit = abs(hour) < light_h / 2
        found.append(peak_w * math.cos(math.pi * hour / light_h) * shade if lit else 0.0)
    return found


@cache
def recorded_ct() -> list[float]:
    """Return the recorded prices by the quarter as a household pays them, ct/kWh."""
    with lzma.open(RECORDED, "rt") as lines:
        raw = [int(price) for line in lines for price in line.split()[1:]]
    return [(price / 1000 + FEES_CT / TAX) * TAX for price in raw]
