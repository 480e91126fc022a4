"""Pack the held-out days of a folder of traces: python -m benchmarks.pack_days FOLDER [TARGET]."""

import sys
from pathlib import Path

from benchmarks import packed, split
from controller.days.traces import Day
from controller.errors import ConfigError


def pack(folder: Path, target: Path) -> list[Path]:
    """Write one packed file a trace and return them. Raises ConfigError if there is nothing to pack."""
    traces: dict[str, list[Day]] = {}
    for day in split.load(folder, "held-out"):
        traces.setdefault(day.trace, []).append(day)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for trace, days in traces.items():
        written.append(target / f"{trace.removesuffix('.gz').removesuffix('.csv')}{packed.SUFFIX}")
        packed.write(written[-1], trace, days)
    return written


def main() -> None:
    """Pack and say how much it became."""
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    try:
        files = pack(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else split.PACKED_DAYS)
    except ConfigError as error:
        sys.exit(str(error))
    size_kb = sum(path.stat().st_size for path in files) / 1000
    print(f"{len(files)} traces, {sum(len(packed.read(path)) for path in files)} days, {size_kb:.0f} kB")


if __name__ == "__main__":
    main()
