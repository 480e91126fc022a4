"""`make fuzz`: all targets in turn until the time is over; the seed is printed and lives a run again."""

import argparse
import logging
import random
import sys
import time
import traceback
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import Target, targets

ROUND = 30
SLOW_CPU_S = 1.0
"""More processor time than this for one input is a failure, whatever else the machine does."""


class TooSlow(Exception):
    """An input took more processor time than it may."""


def main() -> int:
    """Fuzz for so many seconds; return 1 if a parser broke its word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="", help="targets whose name holds this")
    chosen = parser.parse_args()
    logging.disable()  # of what a parser says while it is fed nonsense
    start = random.randrange(2**32) if chosen.seed is None else chosen.seed
    print(f"seed {start}, {chosen.seconds:g} s", flush=True)
    wanted = [target for target in targets() if chosen.only in target.name]
    counts = dict.fromkeys((target.name for target in wanted), 0)
    slowest = dict.fromkeys(counts, 0.0)
    end, turn, broken = time.monotonic() + chosen.seconds, 0, set[str]()
    while time.monotonic() < end and len(broken) < len(wanted):
        for target in wanted:
            if target.name not in broken and time.monotonic() < end:
                good = lived(target, start + turn, counts, slowest, end)
                broken |= set() if good else {target.name}
        turn += 1
    for name, count in counts.items():
        print(f"{name:<28} {count:>7} inputs, slowest {slowest[name] * 1000:.0f} ms")
    print(f"{sum(counts.values())} inputs, {len(broken)} broken; again with --seed {start}")
    return 1 if broken else 0


def lived(target: Target, number: int, counts: dict[str, int], slowest: dict[str, float], end: float) -> bool:
    """Run one round of a target and return whether it kept its word; what broke it is printed."""

    def feed(value: Any) -> None:
        if time.monotonic() > end + 5:
            return
        began = time.process_time()
        target.feed(value)
        took_s = time.process_time() - began
        counts[target.name] += 1
        slowest[target.name] = max(slowest[target.name], took_s)
        if took_s > SLOW_CPU_S:
            raise TooSlow(f"{took_s:.1f} s of processor time")

    limits = settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(number)(limits(given(target.inputs)(feed)))()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        print(f"BROKEN: {target.name}, seed {number}", flush=True)
        print("".join(traceback.format_exception(error, limit=-6))[-3000:], flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
