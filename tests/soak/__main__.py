"""`make soak`: a simulated year. `make soak SEED=…` lives it again."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.life import soak


def main() -> None:
    """Run one soak; exit 1 with the seed when a promise is broken or something grows."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}, {options.days} days", flush=True)
    memory = Path("/dev/shm")  # so that a year of commits does not wear this machine's disk
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir=memory if memory.is_dir() else None))
    try:
        outcome = soak(seed, options.days, folder, lambda text: print(text, flush=True))
    except AssertionError as error:
        sys.exit(f"BROKEN: {error}\nagain: make soak SEED={seed}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(outcome)
    print("faults:", ", ".join(f"{name} {count}" for name, count in sorted(outcome.faults.items())))
    if outcome.end_mb > outcome.first_week_mb * 1.05 or outcome.end_handles > outcome.first_handles:
        sys.exit("GROWN: memory by more than 5 %, or handles")


main()
