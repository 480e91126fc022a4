"""Days as the comparison needs them: 24 h long, and with a sun that moves between two samples."""

from dataclasses import replace

from controller.days.traces import Day
from controller.units import DAY_S


def whole(day: Day) -> Day:
    """Return the day with its last values held until midnight."""
    missing = (DAY_S - day.duration_s) // day.step_s
    held_pv, held_load = [day.pv_w[-1]] * missing, [day.load_w[-1]] * missing
    return replace(day, pv_w=day.pv_w + held_pv, load_w=day.load_w + held_load)


def moving(day: Day) -> Day:
    """Return the day in 1-s steps, PV on the line between its samples, the house's load in its steps.

    A sun that stands still for 60 s and then jumps is kinder to slow controllers than the sky is, and asks
    for fewer commands.
    """
    step_s, last_w = day.step_s, day.pv_w[-1]
    if step_s == 1:
        return day
    pv = [
        here_w + (next_w - here_w) * second / step_s
        for here_w, next_w in zip(day.pv_w, [*day.pv_w[1:], last_w], strict=True)
        for second in range(step_s)
    ]
    load = [load_w for load_w in day.load_w for _ in range(step_s)]
    return replace(day, step_s=1, pv_w=pv, load_w=load)
