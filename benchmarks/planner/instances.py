"""Random evenings, nights and days for the planner: sun, clouds, prices, needs. Seeds repeat them."""

import math
import random
from dataclasses import replace

from controller.planner.task import CarPower, Departure, PlanSlot, Task


def instance(seed: int, scenarios: int = 1) -> Task:
    """Return one task: 24 to 144 quarter-hours, 6 to 14 kWp, fixed or dynamic prices, 6 to 30 kWh."""
    rng = random.Random(seed)
    count, start_h = rng.choice((24, 48, 96, 144)), rng.uniform(0, 24)
    kwp, light_h, cloud = rng.uniform(6, 14), rng.choice((8.0, 12.0, 16.0)), rng.choice((0.0, 0.3, 0.7))
    dynamic = rng.random() < 0.5
    levels = [rng.gauss(0, 6) for _ in range(48)]
    slots = []
    for place in range(count):
        hour = (start_h + place / 4) % 24
        up = abs(hour - 12.5) < light_h / 2
        clear_w = kwp * 800 * math.cos(math.pi * (hour - 12.5) / light_h) if up else 0.0
        sun_w = clear_w * (rng.uniform(0.1, 0.8) if rng.random() < cloud else 1.0)
        house_w = 300 + 500 * rng.random()
        spot = levels[place // 4] + 8 * math.cos(2 * math.pi * (hour - 19) / 24) if dynamic else 0.0
        spread = (1.0,) if scenarios == 1 else (0.6, 1.0, 1.3)
        surplus = tuple(sun_w * factor - house_w for factor in spread)
        slots.append(PlanSlot(place * 900.0, (place + 1) * 900.0, 32.0 + spot, 8.0, surplus))
    need_wh = rng.uniform(6, 30) * 1000 * min(1.0, count / 60)
    return Task(
        slots=tuple(slots),
        departures=(Departure(count * 900.0, need_wh),),
        weights=(1.0,) if scenarios == 1 else (0.3, 0.4, 0.3),
        car=CarPower(max_a=rng.choice((16, 16, 10))),
        later_value_ct=rng.uniform(8.5, 22.0),
        phases_now=rng.choice((1, 3)),
        later_is_better_ct=0.0,
    )


def with_room(task: Task, seed: int) -> Task:
    """Return the task with a battery that takes little more than what is needed."""
    need_wh = max(departure.need_wh for departure in task.departures)
    return replace(task, room_wh=need_wh * random.Random(seed).choice((1.0, 1.2, 2.0)))
