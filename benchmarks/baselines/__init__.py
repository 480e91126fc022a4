"""The peers of the comparison by name; each call makes a fresh one for one day."""

from collections.abc import Callable

from benchmarks.baselines.evcc import Evcc
from benchmarks.contest import Baseline

BASELINES: dict[str, Callable[[], Baseline]] = {
    "evcc_30s": Evcc,
    "evcc_10s": lambda: Evcc(interval_s=10),
}
