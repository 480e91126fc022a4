"""The report: text, tables and pictures from the scores. No number in it is typed by hand."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from benchmarks import goals, intervals, pictures, tables, validate_evcc
from benchmarks.cache import engine_digest
from benchmarks.entries import EVCC, HORIZON_VALUES_CT, MAIN_VALUE_CT, OURS, PRICES, VALUES_CT, Row
from benchmarks.scores import Case, Scores
from controller.days import backtest, plant
from controller.days.traces import Day

FEW_COMMANDS = "40 commands"


def write(rows: Sequence[Row], days: Sequence[Day], which: str, folder: Path) -> Path:
    """Write report.md, report.json and plots/ into a folder and return the report's path."""
    scores = Scores(rows)
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "code": code(),
        "which": which,
        "prices": asdict(PRICES),
        "days": [{"trace": day.trace, "date": day.date, "step_s": day.step_s} for day in days],
        "summaries": [_rounded(asdict(summary)) for summary in scores.summaries()],
        "goals": [_rounded(asdict(goal)) for kind in scores.kinds for goal in goals.goals(scores, kind)],
    }
    (folder / "report.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    path = folder / "report.md"
    path.write_text("\n".join(_text(scores, days, which, folder)) + "\n", encoding="utf-8")
    return path


def code() -> str:
    """Return the version of what was measured; the digest changes with any line of engine or strategies."""
    return f"ampilot {version('ampilot')}, engine {engine_digest()}"


def _rounded(item: dict[str, object]) -> dict[str, object]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in item.items()}


def _text(scores: Scores, days: Sequence[Day], which: str, folder: Path) -> list[str]:
    finest = scores.kinds[0]
    lines = [*_opening(scores, days, which), "", "## Goals", "", *_goals(scores)]
    for kind in scores.kinds:
        lines += ["", f"## Days of {kind}", "", *_kind(scores, kind)]
    lines += ["", "## Other strategies of this project", "", *_others(scores)]
    lines += ["", "## Money against every baseline", "", *_money(scores)]
    lines += ["", "## Where it loses", "", *_losses(scores, days)]
    lines += ["", "## Fewer commands", "", *_commands(scores, folder)]
    lines += ["", "## Sun only", "", *_frontier(scores, finest, folder)]
    if scores.labels("limits", finest):
        lines += ["", "## What the gate's limits cost", "", *_limits(scores, finest)]
    if len(scores.scales) > 1:
        lines += ["", "## Smaller PV", "", *_smaller(scores)]
    if near := _near_evcc(days):
        lines += ["", "## How near the model of evcc is", "", *near]
    lines += ["", "## One broken day", "", *_broken(days, folder)]
    return [*lines, "", "## How it is counted", "", *_method()]


def _opening(scores: Scores, days: Sequence[Day], which: str) -> list[str]:
    kinds = ", ".join(tables.days_text(len(scores.days(Case(OURS, kind))), kind) for kind in scores.kinds)
    who = {
        "held-out": "set apart: numbers of the engine may only be chosen on others (`split.py`)",
        "tuning": "which are the days the engine's numbers were chosen on: no proof of anything",
        "all": "the days the engine's numbers were chosen on among them",
    }[which]
    return [
        "# Benchmark",
        "",
        f"`{OURS}` against other controllers' rules on {len(days)} recorded days ({kinds}), {who}. Sun and load",
        "are recorded, see [days](days/README.md); house, box and car are a **simulated plant**; the other",
        "controllers are this project's own models of their rules, see `baselines/`. Nothing here was measured at a",
        "real charger.",
        "",
        "Plan and fast loop together, with prices and departures: [sessions](sessions.md).",
        "",
        f"Code: {code()}. Made by `make bench`; all numbers are generated, none is typed.",
    ]


def _goals(scores: Scores) -> list[str]:
    reached = [goal for kind in scores.kinds for goal in goals.goals(scores, kind)]
    count = sum(goal.verdict == "reached" for goal in reached)
    return [
        "Mean over days, against that interval of evcc (30 s or 10 s) that has less regret at the value.",
        f"{count} of {len(reached)} goals are reached.",
        "",
        *tables.goal_table(scores),
    ]


def _kind(scores: Scores, kind: str) -> list[str]:
    found = scores.summary(Case("floor", kind))
    lines = [
        "Mean regret in ct a day with its 95 % interval over days; the last column pairs the same days.",
        "",
        *tables.regret_table(scores, kind),
        "",
    ]
    if found:
        lines += [
            f"*floor*: perfect foresight of the day through the dead times of the plant; {found.regret_ct:.1f} ct is what the",
            f"dead times cost whoever knows all, at {MAIN_VALUE_CT:g} ct/kWh.",
        ]
    if scores.summary(Case("sees 5 min", kind)):
        at = " and ".join(f"{value_ct:g}" for value_ct in HORIZON_VALUES_CT)
        lines += [
            f"*sees … min*: perfect sight of the next minutes only, run at {at} ct. Both are for orientation and no",
            "controllers.",
        ]
    return [*lines, "", *tables.energy_table(scores, kind)]


def _others(scores: Scores) -> list[str]:
    lines = [
        "They answer other questions: `off`, `fast` and `fixed` mark the ends of the scale, `min_surplus` never stops,",
        "and without prices and departures `tariff` and `ready_by` have nothing else to go by than the sun.",
    ]
    for kind in scores.kinds:
        if scores.labels("others", kind):
            lines += ["", *tables.others_table(scores, kind)]
    return lines


def _money(scores: Scores) -> list[str]:
    lines = [
        "Cost is the bill minus value times energy in the car plus switching. Mean difference in ct a day with its",
        f"95 % interval, and days won/tied/lost (a tie is within {tables.TIE_CT:g} ct). Below zero is better.",
        "For peers in the box (†) commands are not counted here.",
    ]
    for kind in scores.kinds:
        lines += ["", f"Days of {kind}:", "", *tables.money_table(scores, kind)]
    return lines


def _losses(scores: Scores, days: Sequence[Day]) -> list[str]:
    return [
        f"The ten days with the most ct lost (or least won) at {MAIN_VALUE_CT:g} ct/kWh against the best baseline on",
        "days of that kind. Ramps: the sun's changes above 1 kW from one minute to the next; load steps likewise.",
        "Why: what the difference in cost is made of.",
        "",
        *tables.worst_days(scores, days),
    ]


def _commands(scores: Scores, folder: Path) -> list[str]:
    pictures.regret_against_commands(scores, folder / "plots" / "commands.png")
    lines = [
        f"`{OURS}` with a smaller budget of commands a day (`writes_per_day`), and everybody else on the same days.",
        "",
        "![Regret against commands a day](plots/commands.png)",
    ]
    for kind in scores.kinds:
        if not scores.labels("writes", kind):
            continue
        lines += ["", f"Days of {kind}:", "", *tables.writes_table(scores, kind), "", _few(scores, kind)]
    return lines


def _few(scores: Scores, kind: str) -> str:
    """Say whether a small budget is still as good as evcc."""
    few, evcc = Case(FEW_COMMANDS, kind), Case(EVCC[0], kind)
    apart = scores.difference(few, evcc)
    if apart is None:
        return ""
    word = "no worse" if apart.value <= 0 else "worse"
    sure = "" if apart.low > 0 or apart.high < 0 else "; the interval holds zero"
    return (
        f"With {FEW_COMMANDS} a day `{OURS}` is **{word}** than `{EVCC[0]}`: "
        f"{apart.text()} ct a day apart{sure}."
    )


def _frontier(scores: Scores, kind: str, folder: Path) -> list[str]:
    if not scores.labels("share", kind):
        return ["Not run on these days."]
    pictures.energy_frontier(scores, kind, folder / "plots" / "frontier.png")
    return [
        f"Who wants the sun only looks at energy: `{OURS}` at {MAIN_VALUE_CT:g} ct/kWh under rising `solar_share`, days",
        f"of {kind}. The second table compares at a baseline's own grid energy, interpolated between two shares; its",
        "interval draws days for both at once.",
        "",
        "![Car energy against grid energy](plots/frontier.png)",
        "",
        *tables.frontier_tables(scores, kind),
    ]


def _limits(scores: Scores, kind: str) -> list[str]:
    limits = backtest.BACKTEST_LIMITS
    return [
        f"The baselines know no limits. `{OURS}` has those of its gate: {limits.comfort_writes_per_window} commands in {limits.window_s / 60:.0f} min and",
        f"{limits.writes_per_day} a day, {limits.min_on_s:.0f} s on and {limits.min_off_s:.0f} s off at least, {limits.phase_change_min_s:.0f} s between phase changes and",
        f"{limits.phase_changes_per_day} of them in 24 h. They protect car, contactor and cloud. The same engine without them, for orientation:",
        "",
        *tables.limits_table(scores, kind),
        "",
        "And the table of the sun only, with none of these limits:",
        "",
        *tables.against_table(scores, kind, "free share"),
    ]


def _smaller(scores: Scores) -> list[str]:
    lines = ["The same days with less PV. 60-s days: every third."]
    for scale in scores.scales[1:]:
        for kind in scores.kinds:
            lines += ["", f"PV x {scale:g}, days of {kind}:", "", *tables.regret_table(scores, kind, scale)]
            lines += ["", *tables.energy_table(scores, kind, scale)]
    return lines


def _near_evcc(days: Sequence[Day]) -> list[str]:
    """Return what evcc's own code did on these days beside the model, nothing if none of them is among its days."""
    reference = validate_evcc.read_reference(validate_evcc.REFERENCE)
    groups = validate_evcc.grouped(list(validate_evcc.compared(days, reference)))
    if not groups:
        return []
    lines = [
        "evcc's own decision code lived the same days on a plant with the same numbers; its results are in",
        "`days/evcc.json`. A day as it did it and as `baselines/evcc.py` does:",
    ]
    for kind, interval_s, pairs in groups:
        heads = [f"{tables.days_text(len(pairs), kind)}, every {interval_s} s", *validate_evcc.HEADS]
        lines += ["", *tables.table(heads, validate_evcc.rows(pairs))]
    return lines


def _broken(days: Sequence[Day], folder: Path) -> list[str]:
    day = pictures.broken_day(days, folder / "plots" / "broken_day.png")
    return [
        f"{day.trace.split('.')[0]}, {day.date}: the day with the most ramps. Yellow is the sun the house leaves,",
        f"the line is the car; at {MAIN_VALUE_CT:g} ct/kWh.",
        "",
        "![All controllers on one broken day](plots/broken_day.png)",
    ]


def _method() -> list[str]:
    prices = PRICES
    values = ", ".join(f"{value_ct:g}" for value_ct in VALUES_CT)
    return [
        f"* **Prices**: import {prices.import_ct_per_kwh:g}, feed-in {prices.export_ct_per_kwh:g} ct/kWh; a kWh in the car is worth {values} ct;",
        f"  a command costs {prices.write_ct:g}, a start {prices.start_ct:g}, a phase change {prices.phase_change_ct:g} ct. Other prices, other results.",
        f"* **Plant**: steps of 1 s; a command arrives after {plant.LATENCY_S} s, a start yields power after {plant.START_S} s more, a phase",
        f"  change none for {plant.PHASE_DEAD_S} s; the car follows with a lag of {plant.LAG_S:g} s, takes 6 to 16 A on one or three phases at",
        "  230 V and is connected from midnight to midnight (UTC). Meter and box never fail here.",
        f"* **Controllers** of this project run through the whole pipeline with its default limits every {backtest.TICK_S} s;",
        "  the baselines run without budgets of commands and phase changes, as their peers do. No `solar_share`: imports count at their real price.",
        "  Peers marked † sit in the box or on its wire: their commands would not go through a cloud. They are counted",
        "  like everybody's, but for the column “commands free” and the table of money.",
        "  Samples of 2 s and 60 s are joined by lines (sun) and steps (load).",
        "* **Regret** is the cost above perfect foresight: dynamic programming over 10-s means, all set-points, the same",
        "  switching prices and a car that answers at once. A lagging car can undercut it by a fraction of a cent.",
        f"* **Intervals**: percentile bootstrap over days, {intervals.RESAMPLES} resamples, seed {intervals.SEED}. Days of one week are",
        "  neighbours, so the true intervals are somewhat wider; few days give rough ones.",
        "* **Reproduce**: `make bench` for these days; `python -m benchmarks --days FOLDER --which all` for traces of",
        "  your own (CSV `time,pv_w,load_w`). Numbers by case are in `report.json`.",
    ]
