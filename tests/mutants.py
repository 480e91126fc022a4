"""`make mutants`: change the code that keeps people safe, one small way at a time, and see who notices.

mutmut makes the changes and runs the tests that reach each of them; this page counts, file by file, and
prints what nobody noticed. `docs/testing.md` says which of these matter and why the others do not.
"""

import subprocess
import sys
from collections import Counter
from pathlib import Path

MUTMUT = str(Path(sys.executable).with_name("mutmut"))
LEAST = 0.9
"""The share of changes that must be noticed in every file."""


def outcomes() -> dict[str, str]:
    """Return what became of every mutant by its name."""
    listed = subprocess.run(
        [MUTMUT, "results", "--all", "true"], check=True, capture_output=True, text=True
    ).stdout
    pairs = (line.strip().rsplit(": ", 1) for line in listed.splitlines() if ": " in line)
    return {name: outcome for name, outcome in pairs if outcome != "not checked"}


def change(name: str) -> str:
    """Return the lines a mutant takes away and adds."""
    shown = subprocess.run([MUTMUT, "show", name], check=True, capture_output=True, text=True).stdout
    lines = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join(lines)


def main() -> None:
    """Run all mutants, print the score of each file and the survivors; exit 1 below 90 % anywhere."""
    subprocess.run([MUTMUT, "run", *sys.argv[1:]], check=True)
    made: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    survivors = []
    for name, outcome in outcomes().items():
        file = name.rsplit(".", 1)[0].replace(".", "/") + ".py"
        made[file] += 1
        if outcome in ("killed", "timeout", "segfault"):
            noticed[file] += 1
        else:
            survivors.append(name)
    for name in survivors:
        print(f"\n{name}\n{change(name)}")
    print()
    for file, count in sorted(made.items()):
        print(f"{file:<32} {noticed[file]:>5} of {count:>5} noticed  {noticed[file] / count:6.1%}")
    print(f"{'all':<32} {noticed.total():>5} of {made.total():>5} noticed")
    if any(noticed[file] < LEAST * count for file, count in made.items()):
        sys.exit(f"below {LEAST:.0%} somewhere")


if __name__ == "__main__":
    main()
