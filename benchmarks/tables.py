"""The tables of the report, as Markdown lines; every number comes from the scores."""

from collections.abc import Iterable, Sequence

from benchmarks import frontier, goals, intervals, sky
from benchmarks.baselines import BASELINES, IN_THE_BOX
from benchmarks.entries import MAIN_VALUE_CT, OURS, PRICES, VALUES_CT
from benchmarks.goals import NAMES
from benchmarks.intervals import Estimate
from benchmarks.lifted import LIFTED
from benchmarks.scores import Case, Scores, Summary
from controller.days.backtest import BACKTEST_LIMITS, DayResult
from controller.days.traces import Day
from controller.plugins import strategy_names

TIE_CT = 0.1
"""Two costs of a day this near are a tie."""

TOLD_CT = 0.5
"""A part of a day's difference below this is not told."""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table, the first column to the left. Raises ValueError for a crooked row."""
    rows = list(rows)
    if any(len(row) != len(heads) for row in rows):
        raise ValueError(f"a row has not the {len(heads)} columns {', '.join(heads)}")
    lines = [f"| {' | '.join(heads)} |", f"| --- |{' ---: |' * (len(heads) - 1)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def days_text(count: int, kind: str) -> str:
    """Return "9 days of 1 s", or one day of it."""
    return f"{count} day{'s' if count != 1 else ''} of {kind}"


def _named(label: str) -> str:
    """Return a controller's name as the tables show it; in italics what is none."""
    if label in (*BASELINES, *strategy_names()):
        return f"`{label}`{' †' if label in IN_THE_BOX else ''}"
    return f"*{label}*"


def _regret(found: Summary) -> str:
    regret = Estimate(found.regret_ct, found.regret_low_ct, found.regret_high_ct)
    return regret.text(1 if found.regret_ct < 100 else 0)


def goal_table(scores: Scores) -> list[str]:
    """Return the goals on all kinds of days."""
    rows = [
        (
            f"{goal.what}, days of {goal.kind}",
            f"`{goal.other}`",
            goal.ratio.text(2),
            f"{goal.limit:g}",
            goal.verdict,
        )
        for kind in scores.kinds
        for goal in goals.goals(scores, kind)
    ]
    return table((f"`{OURS}` against evcc", "interval", "ratio (95 %)", "goal", ""), rows)


def regret_table(
    scores: Scores, kind: str, scale: float = 1.0, values_ct: Sequence[float] = VALUES_CT
) -> list[str]:
    """Return the mean regret of all by value, with the pair difference to evcc at the main value."""
    other = scores.better_evcc(kind, MAIN_VALUE_CT, scale)
    rows = []
    for label in [*scores.labels("main", kind, scale), *scores.labels("floor", kind, scale)]:
        cells = [_named(label)]
        for value_ct in values_ct:
            case = Case(label, kind, value_ct, scale)
            found = scores.summary(case) if scores.complete(case) else None
            cells.append(_regret(found) if found else "–")
        main = Case(label, kind, MAIN_VALUE_CT, scale)
        apart = scores.difference(main, Case(other, kind, MAIN_VALUE_CT, scale))
        rows.append([*cells, apart.text() if apart and label != other else "–"])
    heads = [f"at {value_ct:g} ct" for value_ct in values_ct]
    return table(["regret in ct/day", *heads, f"minus `{other}` at {MAIN_VALUE_CT:g}"], rows)


def energy_table(scores: Scores, kind: str, scale: float = 1.0) -> list[str]:
    """Return energy and switching of all at the main value."""
    rows = []
    for label in [*scores.labels("main", kind, scale), *scores.labels("floor", kind, scale)]:
        found = scores.summary(Case(label, kind, MAIN_VALUE_CT, scale))
        if found:
            energy = (found.ev_kwh, found.ev_sun_kwh, found.ev_grid_kwh)
            rows.append(
                [
                    _named(label),
                    *(f"{kwh:.2f}" for kwh in energy),
                    f"{found.writes:.0f}",
                    f"{found.most_writes}",
                    f"{found.starts:.1f}",
                    f"{found.phase_changes:.1f}",
                    f"{found.cost_ct:.1f}",
                    f"{found.cost_ct - PRICES.write_ct * found.writes:.1f}",
                ]
            )
    heads = [
        "car kWh",
        "from sun",
        "from grid",
        "commands",
        "most in a day",
        "starts",
        "phase changes",
        "cost ct",
        "commands free",
    ]
    return table([f"a day, at {MAIN_VALUE_CT:g} ct", *heads], rows)


def money_table(scores: Scores, kind: str) -> list[str]:
    """Return the pair difference in cost to every baseline, with wins, ties and losses.

    Commands of a peer that sits in the box are not counted against it here.
    """
    rows = []
    for name in BASELINES:
        cells = [_named(name)]
        for value_ct in VALUES_CT:
            pair = Case(OURS, kind, value_ct), Case(name, kind, value_ct)
            ours, theirs = scores.pairs(*pair)
            free_ct = PRICES.write_ct if name in IN_THE_BOX else 0.0
            _, writes = scores.pairs(*pair, "writes")
            gaps = [a - (b - free_ct * n) for a, b, n in zip(ours, theirs, writes, strict=True)]
            wins, losses = sum(gap < -TIE_CT for gap in gaps), sum(gap > TIE_CT for gap in gaps)
            record = f"{wins}/{len(gaps) - wins - losses}/{losses}"
            cells.append(f"{intervals.mean(gaps).text()}, {record}" if gaps else "–")
        rows.append(cells)
    heads = [f"at {value_ct:g} ct" for value_ct in VALUES_CT]
    return table([f"cost of `{OURS}` minus", *heads], rows)


def worst_days(scores: Scores, days: Sequence[Day], count: int = 10) -> list[str]:
    """Return the days on which the strategy loses most against the best baseline of its kind of days."""
    found = []
    for kind in scores.kinds:
        best = scores.best_baseline(kind, MAIN_VALUE_CT)
        ours, theirs = scores.days(Case(OURS, kind)), scores.days(Case(best, kind))
        for key in ours.keys() & theirs.keys():
            found.append((ours[key].cost_ct - theirs[key].cost_ct, key, best, ours[key], theirs[key]))
    found.sort(key=lambda item: (-item[0], item[1]))
    skies = {(day.trace, day.date): sky.describe(day) for day in days}
    rows = []
    for gap_ct, key, best, mine, other in found[:count]:
        seen = skies[key]
        rows.append(
            [
                f"{key[0].split('.')[0]} {key[1]}",
                f"{gap_ct:+.1f}",
                f"`{best}`",
                f"{mine.regret_ct:.1f} / {other.regret_ct:.1f}",
                f"{mine.writes} / {other.writes}",
                f"{mine.starts} / {other.starts}",
                f"{mine.phase_changes} / {other.phase_changes}",
                f"{seen.word}, {seen.ramps} ramps",
                f"{seen.load_steps}",
                f"{seen.hours_one_phase:.1f} / {seen.hours_three_phases:.1f}",
                f"{seen.pv_kwh:.0f} / {seen.load_kwh:.0f}",
                why(mine, other),
            ]
        )
    pair = "ours / theirs"
    heads = ("ct", "against", f"regret {pair}", "commands", "starts", "phase changes", "sun", "load steps")
    return table(["day", *heads, "h over 1.4 / 4.2 kW", "kWh sun / house", "why"], rows)


def why(ours: DayResult, theirs: DayResult) -> str:
    """Return what a day's difference in cost is made of, the largest part first, and what limit was met.

    House and sky are the same for both, so with s the car's energy from the sun and g from the grid it is
    (value - feed-in) * less s + (import - value) * more g + more switching, to the letter.
    """
    less_sun = (theirs.ev_kwh - theirs.import_ev_kwh) - (ours.ev_kwh - ours.import_ev_kwh)
    more_grid = ours.import_ev_kwh - theirs.import_ev_kwh
    sun_ct = (ours.value_ct - PRICES.export_ct_per_kwh) * less_sun
    grid_ct = (PRICES.import_ct_per_kwh - ours.value_ct) * more_grid
    parts = [
        (sun_ct, f"{abs(less_sun):.1f} kWh {'less' if less_sun > 0 else 'more'} sun {sun_ct:+.0f} ct"),
        (grid_ct, f"{abs(more_grid):.1f} kWh {'more' if more_grid > 0 else 'less'} grid {grid_ct:+.0f} ct"),
    ]
    switching_ct = ours.cost_ct - theirs.cost_ct - sun_ct - grid_ct
    parts.append((switching_ct, f"switching {switching_ct:+.0f} ct"))
    told = [text for ct, text in sorted(parts, key=lambda part: -abs(part[0])) if abs(ct) >= TOLD_CT]
    limits = BACKTEST_LIMITS
    if ours.phase_changes >= limits.phase_changes_per_day:
        told.append("all phase changes used")
    if ours.writes >= limits.writes_per_day - limits.kept_for_stops:
        told.append("all commands used")
    return ", ".join(told)


def writes_table(scores: Scores, kind: str) -> list[str]:
    """Return what is left of the strategy under smaller budgets of commands, on the days that was asked."""
    labels = scores.labels("writes", kind)
    asked = list(scores.days(Case(labels[0], kind)))
    rows = []
    for label in [*labels, OURS, *BASELINES]:
        found = scores.summary(Case(label, kind), asked)
        if found:
            name = f"`{OURS}`, at most {label} a day" if label in labels else _named(label)
            rows.append(
                [name, _regret(found), f"{found.writes:.0f}", f"{found.most_writes}", f"{found.ev_kwh:.1f}"]
            )
    return table(
        [
            f"{days_text(len(asked), kind)}, at {MAIN_VALUE_CT:g} ct",
            "regret ct/day",
            "commands",
            "most in a day",
            "car kWh",
        ],
        rows,
    )


def frontier_tables(scores: Scores, kind: str) -> list[str]:
    """Return the points of the frontier, and the baselines beside it."""
    points = [
        [
            f"`{OURS}`, {point.label}",
            f"{point.ev_grid_kwh:.2f}",
            f"{point.ev_kwh:.2f}",
            f"{point.writes:.0f}",
            f"{point.starts:.1f}",
            f"{point.phase_changes:.1f}",
        ]
        for point in frontier.curve(scores, kind)
    ]
    lines = table(["kWh and number a day", "car from grid", "car", *NAMES.values()], points)
    return [*lines, "", *against_table(scores, kind, "share")]


def against_table(scores: Scores, kind: str, question: str) -> list[str]:
    """Return the baselines beside the frontier that this question drew."""
    rows = []
    for against in frontier.against_baselines(scores, kind, question):
        peer, ours = against.baseline, against.ours
        cells = [_named(peer.label), f"{peer.ev_grid_kwh:.2f}", f"{peer.ev_kwh:.2f}"]
        if ours is None or against.more_pct is None:
            cells += ["outside", "–"]
        else:
            cells += [f"{ours['ev_kwh']:.2f}", against.more_pct.text()]
        for name in NAMES:
            mine = "–" if ours is None else f"{ours[name]:.1f}"
            cells.append(f"{getattr(peer, name):.1f} / {mine}")
        rows.append(cells)
    heads = [
        "car from grid",
        "car",
        f"`{OURS}` there",
        "more, % (95 %)",
        *(f"{name}: theirs / ours" for name in NAMES.values()),
    ]
    return table(["kWh and number a day", *heads], rows)


def others_table(scores: Scores, kind: str) -> list[str]:
    """Return this project's other strategies beside the compared one, on the days they were asked."""
    labels = scores.labels("others", kind)
    asked = list(scores.days(Case(labels[0], kind)))
    rows = []
    for label in [OURS, *labels]:
        found = scores.summary(Case(label, kind), asked)
        if found:
            energy = [f"{kwh:.2f}" for kwh in (found.ev_kwh, found.ev_sun_kwh, found.ev_grid_kwh)]
            switching = (f"{found.writes:.0f}", f"{found.starts:.1f}", f"{found.phase_changes:.1f}")
            rows.append([_named(label), _regret(found), *energy, *switching])
    heads = ("regret ct/day", "car kWh", "from sun", "from grid", *NAMES.values())
    return table([f"{days_text(len(asked), kind)}, at {MAIN_VALUE_CT:g} ct", *heads], rows)


def limits_table(scores: Scores, kind: str) -> list[str]:
    """Return what the strategy would be without limits of the gate."""
    rows = []
    for label in (OURS, *LIFTED):
        found = scores.summary(Case(label, kind))
        if found:
            name = f"`{OURS}`" if label == OURS else label
            switching = (f"{found.starts:.1f}", f"{found.phase_changes:.1f}")
            rows.append([name, _regret(found), f"{found.writes:.0f}", f"{found.most_writes}", *switching])
    heads = ("regret ct/day", "commands", "most in a day", "starts", "phase changes")
    return table([f"days of {kind}, at {MAIN_VALUE_CT:g} ct", *heads], rows)
