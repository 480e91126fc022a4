"""A forecast for recorded days, made of what really came: smoothed over hours, wrong by a factor a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.days.traces import Day
from controller.forecast.outlook import LEAST_LOAD_W, LastError
from controller.horizon import SurplusSlot
from controller.planner.task import SLOT_S
from controller.units import DAY_S

SMOOTHED_S = 3 * 3600.0
"""A forecast knows no cloud: it is the mean over three hours (planning.md 4.5)."""

SPREAD = (0.6, 1.0, 1.3)
"""The tenth, middle and ninetieth percentile of the sun beside what is expected (planning.md 3.5)."""

EXACT = (1.0, 1.0, 1.0)


def staged(
    day: Day,
    begin_s: float,
    *,
    smoothed_s: float = SMOOTHED_S,
    spread: tuple[float, float, float] = SPREAD,
    factors: Mapping[int, float] | None = None,
) -> tuple[SurplusSlot, ...]:
    """Return quarter-hours of surplus over a recording that begins at `begin_s` (UTC, at a whole quarter).

    Sun and house are meaned over `smoothed_s`; the sun of the n-th day of the recording (of 24 h each) is
    multiplied by `factors[n]`, and its quantiles are `spread` times that. The house's load is not doubted.
    """
    foreseen = _foreseen(day, smoothed_s, factors or {})
    return tuple([_slot(begin_s + place * SLOT_S, *both, spread) for place, both in enumerate(foreseen)])


@dataclass(frozen=True, slots=True)
class Nowcast:
    """The staged forecast as the service would tell it: corrected by the last quarter of an hour that came.

    `foreseen_w` is sun and house, `came_w` what was left over, by the quarter from `begin_s` (UTC) on. How
    much is carried how far is the service's own (`forecast/outlook.py`); the quantiles move along.
    """

    begin_s: float
    foreseen_w: Sequence[tuple[float, float]]
    came_w: Sequence[float]
    spread: tuple[float, float, float] = SPREAD

    @classmethod
    def of(cls, day: Day, begin_s: float, factors: Mapping[int, float]) -> "Nowcast":
        """Return that of a recording, wrong by a factor a day as `staged` says."""
        width = int(SLOT_S) // day.step_s
        surplus_w = [sun_w - house_w for sun_w, house_w in zip(day.pv_w, day.load_w, strict=True)]
        return cls(begin_s, _foreseen(day, SMOOTHED_S, factors), _means(surplus_w, width))

    def known(self, now_s: float, until_s: float) -> tuple[SurplusSlot, ...]:
        """Return what is told at an instant of the time from then on."""
        first = max(int((now_s - self.begin_s) // SLOT_S), 0)
        end = min(int(-((self.begin_s - until_s) // SLOT_S)), len(self.foreseen_w))
        error = self._error(first - 1)
        return tuple([self._told(place, error) for place in range(first, end)])

    def _error(self, place: int) -> LastError | None:
        """Return by how much the quarter that has passed was off."""
        if not 0 <= place < len(self.foreseen_w):
            return None
        sun_w, house_w = self.foreseen_w[place]
        return LastError(
            self._at_s(place), self.came_w[place] - (sun_w - house_w), sun_w, max(house_w, LEAST_LOAD_W)
        )

    def _told(self, place: int, error: LastError | None) -> SurplusSlot:
        sun_w, house_w = self.foreseen_w[place]
        carried_w = 0.0 if error is None else error.carried_w(self._at_s(place), sun_w)
        return _slot(self._at_s(place), sun_w, house_w - carried_w, self.spread)

    def _at_s(self, place: int) -> int:
        return int(self.begin_s + place * SLOT_S)


def _foreseen(day: Day, smoothed_s: float, factors: Mapping[int, float]) -> list[tuple[float, float]]:
    """Return sun and house by the quarter as they are foreseen, in W."""
    width = int(SLOT_S) // day.step_s
    reach = int(smoothed_s / SLOT_S) // 2
    pv_w, load_w = (_smoothed(_means(values, width), reach) for values in (day.pv_w, day.load_w))
    return [
        (sun_w * factors.get(int(place * SLOT_S // DAY_S), 1.0), house_w)
        for place, (sun_w, house_w) in enumerate(zip(pv_w, load_w, strict=True))
    ]


def _slot(at_s: float, sun_w: float, house_w: float, spread: tuple[float, float, float]) -> SurplusSlot:
    p10_w, p50_w, p90_w = (sun_w * share - house_w for share in spread)
    return SurplusSlot(at_s, at_s + SLOT_S, p10_w, p50_w, p90_w)


def _means(values: Sequence[float], width: int) -> list[float]:
    """Return the means of stretches of `width` values; the last one may be shorter."""
    parts = [values[begin : begin + width] for begin in range(0, len(values), width)]
    return [sum(part) / len(part) for part in parts]


def _smoothed(values: Sequence[float], reach: int) -> list[float]:
    """Return each value's mean with `reach` neighbours on either side, fewer at the ends."""
    parts = [values[max(place - reach, 0) : place + reach + 1] for place in range(len(values))]
    return [sum(part) / len(part) for part in parts]
