"""What was wanted of the sessions, and what came of it."""

from collections.abc import Callable

from benchmarks import intervals
from benchmarks.intervals import Estimate
from benchmarks.session_pairs import EVEN_CT, LONG, Pair, long
from benchmarks.session_runs import DYNAMIC, FIXED

WANTED_CT = {FIXED: 25.0, DYNAMIC: 20.0}
WANTED_SHARE, WANTED_PERFECT_CT = 0.8, 5.0


def goals(by_tariff: dict[str, list[Pair]]) -> list[str]:
    """Return the table: all sessions, and beside them those of the kind the wanted numbers come from."""
    lines = [
        f"| | wanted | all sessions | anybody could have | | stays of {LONG} | anybody could have |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for tariff, found in by_tariff.items():
        if found:
            lines += _goals_of(tariff, found, [pair for pair in found if long(pair.case)])
    return lines


def _goals_of(tariff: str, found: list[Pair], some: list[Pair]) -> list[str]:
    """Return the rows of a tariff: what was wanted, all sessions, those of the kind the wanted comes from."""
    lines = [
        _row(f"{tariff}: departures missed", "0", str(_missed(found)), "0", _missed(found) == 0)
        + _beside(some, lambda pairs: (str(_missed(pairs)), "0")),
        _row(
            f"{tariff}: cheaper by, ct a session",
            f"{WANTED_CT[tariff]:g}",
            *_gains(found),
            intervals.mean([pair.gain_ct for pair in found]).value >= WANTED_CT[tariff],
        )
        + _beside(some, _gains),
        _row(
            f"{tariff}: cheaper in a share of",
            f"{WANTED_SHARE:.2f}",
            *_shares(found),
            sum(pair.gain_ct > 0 for pair in found) / len(found) >= WANTED_SHARE,
        )
        + _beside(some, _shares),
    ]
    asked = [pair for pair in found if pair.perfect is not None]
    if asked:
        what, dearer = f"{tariff}: dearer than with a perfect forecast, ct", _dearer(asked)
        text = f"{dearer.text()} ({len(asked)} sessions)"
        reached = dearer.value <= WANTED_PERFECT_CT
        row = _row(what, f"at most {WANTED_PERFECT_CT:g}", text, "", reached)
        both = [pair for pair in some if pair.perfect is not None]
        lines.append(row + _beside(both, lambda pairs: (_dearer(pairs).text(), "")))
    return lines


def _row(what: str, wanted: str, found: str, most: str, reached: bool) -> str:
    verdict = "reached" if reached else "**not reached**"
    return f"| {what} | {wanted} | {found} | {most} | {verdict} |"


def _beside(some: list[Pair], told: Callable[[list[Pair]], tuple[str, str]]) -> str:
    return f" {' | '.join(told(some) if len(some) > 1 else ('', ''))} |"


def _missed(pairs: list[Pair]) -> int:
    return sum(pair.ours.missed_kwh > 0 for pair in pairs)


def _gains(pairs: list[Pair]) -> tuple[str, str]:
    """Return by how much this project was cheaper, and anybody could have been."""
    return (
        intervals.mean([pair.gain_ct for pair in pairs]).text(),
        intervals.mean([pair.most_ct for pair in pairs]).text(),
    )


def _shares(pairs: list[Pair]) -> tuple[str, str]:
    """Return in how many sessions it was cheaper, and anybody could have been."""
    possible = sum(pair.most_ct > EVEN_CT for pair in pairs) / len(pairs)
    return intervals.mean([float(pair.gain_ct > 0) for pair in pairs]).text(2), f"{possible:.2f}"


def _dearer(pairs: list[Pair]) -> Estimate:
    return intervals.mean([p.ours.cost_ct - p.perfect.cost_ct for p in pairs if p.perfect is not None])
