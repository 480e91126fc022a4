"""Small odd tasks for hypothesis, and the days that are not of 24 hours."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from controller.planner.task import WEIGHTS, CarPower, Departure, PlanSlot, Task

PRICES = st.sampled_from([-12.0, 0.0, 5.0, 18.0, 25.0, 32.0, 60.0])
SUNS = st.sampled_from([-500.0, 0.0, 1500.0, 4000.0, 9000.0])
NEEDS = st.sampled_from([0.0, 200.0, 345.0, 700.0, 1300.0, 4000.0, 30_000.0])


@st.composite
def small_tasks(draw: st.DrawFn, most_slots: int = 8, scenarios: int = 1, uneven: bool = False) -> Task:
    """Return up to two or eight hours of odd prices, suns, caps, needs and states.

    With `uneven` the first slot is partial, as it is at any moment that is no quarter of an hour.
    """
    count, slot_s = draw(st.integers(1, most_slots)), draw(st.sampled_from([900.0, 3600.0]))
    level = draw(st.one_of(st.none(), PRICES))  # often all prices are one
    cut_s = draw(st.sampled_from([0.0, 37.0, 600.0])) if uneven else 0.0
    slots = tuple(
        PlanSlot(
            cut_s if place == 0 else slot_s * place,
            slot_s * (place + 1),
            draw(PRICES) if level is None else level,
            draw(st.sampled_from([8.0, 0.0, 20.0])),
            tuple(sorted(draw(SUNS) for _ in range(scenarios))),
            draw(st.sampled_from([None, None, 4200.0, 1000.0])),
        )
        for place in range(count)
    )
    ends = draw(
        st.lists(st.integers(0, count + 1), max_size=2, unique=True)
    )  # from gone by to beyond the prices
    room_wh = draw(st.sampled_from([None, None, 0.0, 900.0, 5000.0]))
    needs = [draw(NEEDS if room_wh is None else NEEDS | st.just(room_wh)) for _ in ends]
    return Task(
        slots=slots,
        departures=tuple(
            Departure(slot_s * end, need) for end, need in zip(sorted(ends), sorted(needs), strict=True)
        ),
        weights=(1.0,) if scenarios == 1 else WEIGHTS,
        car=draw(st.sampled_from([CarPower(), CarPower(8, 13, (3,)), CarPower(max_a=10, phases=(1,))])),
        later_value_ct=draw(st.sampled_from([5.0, 12.0, 25.0])),
        room_wh=room_wh,
        ceiling_ct=draw(st.sampled_from([None, None, 25.0])),
        phases_now=draw(st.sampled_from([1, 3])),
        charging_now=draw(st.booleans()),
        later_is_better_ct=draw(st.sampled_from([0.0, 1.0])),
        late_wh=draw(st.sampled_from([0.0, 0.0, 700.0, 3000.0])),
    )


def whole_day(day: str) -> tuple[float, float]:
    """Return begin and end, UTC seconds, of a day in Vienna: 23, 24 or 25 hours."""
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Vienna"))
    end = (begin.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=begin.tzinfo)
    return begin.timestamp(), end.timestamp()
