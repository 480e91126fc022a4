"""What a recorded day was like, in the few numbers that make control hard."""

from dataclasses import dataclass
from itertools import pairwise

from controller.days.traces import Day

MINUTE_S = 60
RAMP_W = 1000.0
ONE_PHASE_W, THREE_PHASE_W = 1400.0, 4200.0


@dataclass(frozen=True, slots=True)
class Sky:
    """Energies in kWh; `ramps` are changes of the sun above 1 kW from one minute's mean to the next."""

    pv_kwh: float
    load_kwh: float
    ramps: int
    load_steps: int
    hours_one_phase: float
    hours_three_phases: float

    @property
    def word(self) -> str:
        """Return the day in a word."""
        if self.ramps >= 30:
            return "broken"
        return "mixed" if self.ramps >= 8 else "calm"


def describe(day: Day) -> Sky:
    """Return what the day was like."""
    pv_w, load_w = _minutes(day, day.pv_w), _minutes(day, day.load_w)
    surplus_w = [pv - load for pv, load in zip(pv_w, load_w, strict=True)]
    return Sky(
        pv_kwh=sum(pv_w) / MINUTE_S / 1000,
        load_kwh=sum(load_w) / MINUTE_S / 1000,
        ramps=_steps(pv_w),
        load_steps=_steps(load_w),
        hours_one_phase=sum(power > ONE_PHASE_W for power in surplus_w) / MINUTE_S,
        hours_three_phases=sum(power > THREE_PHASE_W for power in surplus_w) / MINUTE_S,
    )


def _minutes(day: Day, values: list[float]) -> list[float]:
    count = max(MINUTE_S // day.step_s, 1)
    return [sum(values[at : at + count]) / count for at in range(0, len(values) - count + 1, count)]


def _steps(values: list[float]) -> int:
    return sum(abs(after - before) > RAMP_W for before, after in pairwise(values))
