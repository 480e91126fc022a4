"""How sure a mean over days is: percentile bootstrap over days, with a fixed seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 4000
SEED = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number over days with its 95 % interval."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 1) -> str:
        """Return it as "12.3 (10.1 to 14.9)"."""
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"


def mean(values: Sequence[float]) -> Estimate:
    """Return the mean over days."""
    return _estimate((values,), lambda means: means[0])


def ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Return the ratio of two means over the same days."""
    return _estimate((above, below), lambda means: means[0] / np.maximum(means[1], 1e-12))


def _estimate(
    columns: tuple[Sequence[float], ...], of: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Estimate:
    data = np.asarray(columns, float)
    found = of(resampled(data))
    return Estimate(float(of(data.mean(axis=1))), *bounds(found))


def resampled(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of every column (its values by day) over each drawing of days."""
    days = columns.shape[1]
    drawn = np.random.default_rng(SEED).integers(0, days, (RESAMPLES, days))
    means: NDArray[np.float64] = columns[:, drawn].mean(axis=2)
    return means


def bounds(found: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the 95 % interval; drawings that say nothing (NaN) are left out."""
    low, high = np.nanpercentile(found, (2.5, 97.5))
    return float(low), float(high)
