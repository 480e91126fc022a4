"""How full the car is: from what was last said of it, and what the charger's counter has counted since.

Theory of operation. No charger of this kind can ask a car how full it is. Somebody says it, by hand or by a
program, or the config says what to assume at plug-in; from there on the charger's lifetime counter goes on.
Energy is summed from reading to reading, so a counter that goes back or jumps costs one step and not the sum.
What is in doubt counts as not charged: the car is then charged longer than it needs, never shorter.

A word counts for the plug-in it was said in. One from before counts only if the car was named, had not been
plugged in since, and it is not older than `BEFORE_PLUG_IN_S`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from controller.cars.car import KnownCar
from controller.line.cable import left_unseen
from controller.units import MAX_CURRENT_A, NOMINAL_VOLTAGE_V

BEFORE_PLUG_IN_S = 3600.0
"""A word is this long good before the plug-in (chosen: an hour on a motorway takes 20 kWh, a third of most
batteries; parking and plugging in takes minutes)."""

SLACK_S = 60.0
MOST_W = 1.1 * 3 * MAX_CURRENT_A * NOMINAL_VOLTAGE_V
"""What can flow at most, at 10 % more than the nominal voltage; more than that is no energy but a jump."""

MOST_KEPT = 10**15
"""No time in ms, row or Wh is beyond it for 30 000 years: what is, was not kept by us."""

Source = Literal["hand", "pushed", "assumed"]
SPOKEN = {"hand": "told by hand", "pushed": "pushed", "assumed": "assumed at plug-in"}


@dataclass(frozen=True, slots=True)
class Soc:
    """How full the car at the cable is; `age_s` since it was said, `since_wh` at the cable since then."""

    pct: float
    battery_kwh: float
    efficiency: float
    age_s: float
    source: Source
    since_wh: float = 0.0

    @property
    def room_wh(self) -> float:
        """Return the energy at the cable until it is full, in Wh."""
        return self.need_wh(100.0)

    def need_wh(self, target_pct: float) -> float:
        """Return the energy at the cable until so many percent, in Wh; 0 where it has them."""
        missing_pct = max(target_pct - self.pct, 0.0)
        return missing_pct / 100.0 * self.battery_kwh * 1000.0 / self.efficiency

    def __str__(self) -> str:
        hours, minutes = divmod(round(self.age_s / 60.0), 60)
        ago = f"{hours} h {minutes:02d} min ago" if hours else f"{minutes} min ago"
        return f"{self.pct:.0f} % full ({SPOKEN[self.source]} {ago}, {self.since_wh / 1000:.1f} kWh since)"


@dataclass(frozen=True, slots=True)
class SocReport:
    """What was said: when (wall ms), of which car (empty: the one at the cable), and by whom."""

    row: int
    wall_ms: int
    car: str
    soc_pct: float
    source: Source


@dataclass(frozen=True, slots=True)
class PlugIn:
    """What is remembered of the present plug-in, over restarts; times are wall ms, energy is at the cable.

    `since_ms` is when it began, `left_ms` when the one before ended. `counter_wh` was read at `counter_ms`;
    `flowed_wh` counts since `told_ms`, or since the plug-in while nothing was said; `charged` says whether
    anything flowed since the plug-in. Reports up to `row` have been heard. `session_wh` is what the charger
    itself last counted since the plug-in.
    """

    connected: bool = False
    car: str = ""
    since_ms: int = 0
    left_ms: int = 0
    counter_wh: float | None = None
    counter_ms: int = 0
    flowed_wh: float = 0.0
    charged: bool = False
    soc_pct: float | None = None
    source: Source = "assumed"
    told_ms: int = 0
    row: int = 0
    session_wh: float | None = None


def followed(
    plug: PlugIn,
    connected: bool,
    car: str,
    counter_wh: float | None,
    now_ms: int,
    session_wh: float | None = None,
    *,
    neutral: bool = False,
) -> PlugIn:
    """Return the plug-in after one look at the charger: cars that come and go, energy that flowed.

    `session_wh` and `neutral` tell of a car that left and one that came unseen.
    """
    plug = _looked_at(
        plug, connected, car, counter_wh, now_ms, left_unseen(plug.session_wh, session_wh, neutral=neutral)
    )
    return plug if session_wh is None or not plug.connected else replace(plug, session_wh=session_wh)


def _looked_at(
    plug: PlugIn, connected: bool, car: str, counter_wh: float | None, now_ms: int, unseen: bool
) -> PlugIn:
    if plug.connected and (unseen or not connected):
        plug = replace(PlugIn(), left_ms=now_ms, row=plug.row)
    if not connected:
        return plug
    if not plug.connected:
        return _begun(plug, car, counter_wh, now_ms)
    # A clock that was set back must not make what is said from now on look older than the plug-in.
    plug = replace(plug, since_ms=min(plug.since_ms, now_ms), told_ms=min(plug.told_ms, now_ms))
    plug = _counted(plug, counter_wh, now_ms)
    if car == plug.car:
        return plug
    if plug.charged:
        return replace(_begun(plug, car, counter_wh, now_ms), left_ms=now_ms)
    # Nothing has flowed yet: the same car, now known by its card. What was said is heard again.
    return replace(plug, car=car, soc_pct=None, source="assumed", row=0)


def _begun(plug: PlugIn, car: str, counter_wh: float | None, now_ms: int) -> PlugIn:
    return PlugIn(
        True,
        car,
        since_ms=now_ms,
        left_ms=plug.left_ms,
        counter_wh=counter_wh,
        counter_ms=now_ms,
        row=plug.row,
    )


def _counted(plug: PlugIn, counter_wh: float | None, now_ms: int) -> PlugIn:
    if counter_wh is None:
        return plug
    flowed_wh = 0.0 if plug.counter_wh is None else counter_wh - plug.counter_wh
    most_wh = MOST_W * (max(now_ms - plug.counter_ms, 0) / 1000.0 + SLACK_S) / 3600.0
    if not 0.0 <= flowed_wh <= most_wh:
        flowed_wh = 0.0
    return replace(
        plug,
        counter_wh=counter_wh,
        counter_ms=now_ms,
        flowed_wh=plug.flowed_wh + flowed_wh,
        charged=plug.charged or flowed_wh > 0,
    )


def told(plug: PlugIn, report: SocReport, now_ms: int) -> PlugIn:
    """Return the plug-in after a word of somebody; one that does not count here is only heard."""
    plug = replace(plug, row=report.row)
    if not plug.connected or not counts(plug, report):
        return plug
    return replace(
        plug,
        soc_pct=report.soc_pct,
        source=report.source,
        told_ms=min(report.wall_ms, now_ms),
        flowed_wh=0.0 if report.wall_ms >= plug.since_ms else plug.flowed_wh,
    )


def counts(plug: PlugIn, report: SocReport) -> bool:
    """Return whether a word is of this car in this plug-in, or of the minutes before it."""
    if report.wall_ms >= plug.since_ms:
        return report.car in ("", plug.car)
    early_ms = plug.since_ms - report.wall_ms
    return report.car == plug.car and early_ms <= BEFORE_PLUG_IN_S * 1000 and report.wall_ms >= plug.left_ms


def present(plug: PlugIn, cars: Sequence[KnownCar], now_ms: int) -> Soc | None:
    """Return how full the car is; None without a car, its battery's size, or anything said or assumed."""
    known = next((car for car in cars if car.name == plug.car), None)
    if not plug.connected or known is None or known.battery_kwh is None:
        return None
    begun_pct = known.assumed_soc_pct if plug.soc_pct is None else plug.soc_pct
    if begun_pct is None:
        return None
    pct = begun_pct + plug.flowed_wh * known.charge_efficiency / (known.battery_kwh * 10.0)
    since_ms = plug.since_ms if plug.soc_pct is None else plug.told_ms
    return Soc(
        min(pct, 100.0),
        known.battery_kwh,
        known.charge_efficiency,
        max(now_ms - since_ms, 0) / 1000.0,
        plug.source,
        plug.flowed_wh,
    )


def of_record(kept: Any) -> PlugIn:
    """Return the plug-in of a kept value as `dataclasses.asdict` made it; a new one of anything else."""
    try:
        plug = PlugIn(**kept)
    except TypeError:
        return PlugIn()
    whole = (plug.since_ms, plug.left_ms, plug.counter_ms, plug.told_ms, plug.row)
    numbers = [
        each for each in (plug.flowed_wh, plug.counter_wh, plug.soc_pct, plug.session_wh) if each is not None
    ]
    sound = (
        isinstance(plug.connected, bool)
        and isinstance(plug.charged, bool)
        and isinstance(plug.car, str)
        and plug.source in tuple(SPOKEN)
        and all(type(each) is int and 0 <= each <= MOST_KEPT for each in whole)
        and all(type(each) in (int, float) and 0 <= each <= MOST_KEPT for each in numbers)
        and plug.flowed_wh is not None
    )
    return plug if sound else PlugIn()
