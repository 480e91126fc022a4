"""The sun without any forecast: a clear sky, dimmed as it was dimmed of late at the same height of the sun.
Pure.

Clearness here is relative: what the sun gave against what the learned gain makes of a clear sky, so that it
means "as usual" at 1 whatever the roofs are. Mornings and afternoons are kept apart as far as each has been
seen.
"""

from dataclasses import dataclass, field

DAYS = 3
BAND_DEG = 6.0
"""Heights of the sun within this band share their clearness; neighbours count half."""
PULL = 1.0
"""How much "as usual" weighs against what was seen, in shares of the largest band."""
OTHER_SIDE = 0.5
"""What the other half of the day counts."""
MOST = 3.0
Bands = dict[tuple[int, bool], list[float]]


@dataclass(slots=True)
class Clearness:
    """Sums of W seen and W under a clear sky, by band of height and half of the day, one table a day."""

    days: list[tuple[int, Bands]] = field(default_factory=list)

    def learn(self, day: int, elevation_deg: float, morning: bool, seen_w: float, clear_w: float) -> None:
        """Take in one quarter-hour of sun: what it gave, and what a clear sky would have."""
        if clear_w <= 0 or elevation_deg <= 0:
            return
        if not self.days or self.days[-1][0] != day:
            self.days = [*self.days[-(DAYS - 1) :], (day, {})]
        sums = self.days[-1][1].setdefault((int(elevation_deg / BAND_DEG), morning), [0.0, 0.0])
        sums[0] += max(seen_w, 0.0)
        sums[1] += clear_w

    def at(self, elevation_deg: float, morning: bool) -> float:
        """Return the clearness to expect at this height of the sun; 1 where nothing is known."""
        band = int(max(elevation_deg, 0.0) / BAND_DEG)
        seen = clear = largest = 0.0
        for _, bands in self.days:
            for (other, half), (seen_w, clear_w) in bands.items():
                share = {0: 1.0, 1: 0.5}.get(abs(other - band), 0.1) * (
                    1.0 if half == morning else OTHER_SIDE
                )
                seen += share * seen_w
                clear += share * clear_w
                largest = max(largest, clear_w)
        if clear <= 0:
            return 1.0
        pull = PULL * largest
        return min(max((seen + pull) / (clear + pull), 0.0), MOST)
