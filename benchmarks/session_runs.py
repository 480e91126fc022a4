"""The runs: each session at fixed and at dynamic prices, with this project's plan and with a blind one."""

import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.baselines.cheapest_slots import CheapestSlots
from benchmarks.cache import ENGINE, code_digest
from benchmarks.contest import Ring
from benchmarks.session_cases import Case
from controller.days.backtest import seconds
from controller.days.backtest_session import (
    FillingPlant,
    Foreknowledge,
    Session,
    SessionRecorder,
    SessionResult,
    Stay,
    run_session,
)
from controller.days.recorded_prices import RecordedPrices, added_to_spot
from controller.days.recorded_sessions import within
from controller.days.staged_forecast import EXACT, Nowcast, staged
from controller.horizon import PriceSlot
from controller.planner.task import Departure
from controller.plugins import load_strategy
from controller.tariffs.quotes import Quote

BERLIN = ZoneInfo("Europe/Berlin")
FIXED, DYNAMIC = "fixed", "dynamic"
TARIFFS = (FIXED, DYNAMIC)
OURS, PERFECT, BLIND = "ours", "perfect", "blind"
ENTRIES = (BLIND, OURS, PERFECT)
STRATEGY = "ready_by"

IMPORT_CT, EXPORT_CT, MEAN_CT, VAT = 32.0, 8.0, 30.0, 0.19
LATER_CT = 14.0
"""What a kWh beyond the need is worth, in the score and to this project's plan."""

_SESSIONS = ("benchmarks/session_cases.py", "benchmarks/session_runs.py")
_RING = (
    *_SESSIONS,
    "benchmarks/contest.py",
    "benchmarks/baselines/evcc.py",
    "benchmarks/baselines/cheapest_slots.py",
    "controller/days/*.py",
)
_ENGINE = (*_SESSIONS, *ENGINE, "controller/forecast/outlook.py")


@dataclass(frozen=True)
class Market:
    """The prices of one tariff: what is paid, and what is known of it when."""

    tariff: str
    quotes: tuple[Quote, ...]

    @property
    def added_ct(self) -> float:
        """Return what is added to the exchange's price, net, so that the mean of all hours is `MEAN_CT`."""
        weight_s = sum(q.end_s - q.begin_s for q in self.quotes)
        mean_ct = sum((q.spot_ct_per_kwh or 0.0) * (q.end_s - q.begin_s) for q in self.quotes) / weight_s
        return round(MEAN_CT / (1 + VAT) - mean_ct, 1)

    def of(
        self, begin_s: float, end_s: float
    ) -> tuple[Sequence[PriceSlot], Callable[[float, float], Sequence[PriceSlot]]]:
        """Return the prices of a stay and who tells what was known."""
        if self.tariff == FIXED:
            one = (PriceSlot(begin_s, end_s, IMPORT_CT, EXPORT_CT),)
            return one, lambda now_s, until_s: one
        rules = added_to_spot(BERLIN, self.added_ct, VAT, EXPORT_CT)
        recorded = RecordedPrices(self.quotes, rules, BERLIN)
        return recorded.paid(begin_s, end_s), recorded.known


def session_of(case: Case, market: Market) -> tuple[Session, Foreknowledge, Foreknowledge]:
    """Return the stay, what a plan knows with the degraded forecast, and what it knows with a perfect one."""
    day = case.recording()
    paid, known = market.of(case.begin_s, case.end_s)
    session = Session(
        trace=case.name,
        begin_s=case.begin_s,
        surplus_w=seconds(day)[case.second : case.second + case.stay_s],
        prices=paid,
        departures=(Departure(case.end_s, case.need_wh),),
        room_wh=case.room_wh,
        later_value_ct=LATER_CT,
    )
    degraded = Nowcast.of(day, case.midnight_s, dict(enumerate(case.factors)))
    exact = staged(day, case.midnight_s, smoothed_s=0.0, spread=EXACT)
    return (
        session,
        Foreknowledge(known, degraded.known),
        Foreknowledge(known, partial(within, exact)),
    )


def run_entry(
    case: Case, market: Market, entry: str, recorder: SessionRecorder | None = None
) -> SessionResult:
    """Return what one of the entries makes of a session."""
    session, degraded, perfect = session_of(case, market)
    if entry == BLIND:
        return run_blind(session, degraded)
    strategy = load_strategy(STRATEGY, {})
    return run_session(session, strategy, entry, degraded if entry == OURS else perfect, recorder=recorder)


def run_blind(
    session: Session, known: Foreknowledge, watched: Callable[[int, Stay], None] = lambda now, stay: None
) -> SessionResult:
    """Return what the cheapest slots at full power with timers in between make of a session."""
    (departure,) = session.departures
    peer, stay = CheapestSlots(known.prices, departure.at_s, departure.need_wh), Stay.of(session)
    ring, plant = Ring(stay), stay.plant
    for now in range(0, session.duration_s, peer.interval_s):
        stay.advance(now)
        watched(now, stay)
        if isinstance(plant, FillingPlant) and plant.full:
            continue
        for order in peer.decide(ring.view(), session.begin_s + now, stay.ev_wh):
            ring.send(order)
    stay.advance(session.duration_s)
    return stay.result(BLIND)


@dataclass(frozen=True)
class Row:
    """One entry in one session at one tariff."""

    case: Case
    tariff: str
    entry: str
    result: SessionResult


class Known:
    """Results by key, on disk; a run is made again when its code, session or prices changed."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._known = path, dict[str, SessionResult]()
        self._digests = {entry: code_digest(_RING if entry == BLIND else _ENGINE) for entry in ENTRIES}
        if path is not None and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    self._known[row["key"]] = SessionResult(**row["result"])
                except (ValueError, KeyError, TypeError):
                    continue  # a line cut short by an interruption: that run is made again

    def _key(self, case: Case, tariff: str, entry: str) -> str:
        drawn = (case.name, case.begin_s, case.stay_s, case.need_wh, case.room_wh, case.factors)
        return sha256(f"{self._digests[entry]} {drawn} {tariff} {entry}".encode()).hexdigest()[:24]

    def get(self, case: Case, tariff: str, entry: str) -> SessionResult | None:
        """Return the result if it is known."""
        return self._known.get(self._key(case, tariff, entry))

    def keep(self, row: Row) -> None:
        """Remember a result, on disk at once."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            line = {"key": self._key(row.case, row.tariff, row.entry), "result": asdict(row.result)}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


Job = tuple[int, Case, str, str]


def _turn(case: Case, entry: str) -> tuple[int, int]:
    """Return when a run's turn is: first sessions of the days, then second ones, then perfect forecasts.

    Within each in an order that says nothing, so that those that were lived by any time are a fair sample.
    """
    lot = int(sha256(case.name.encode()).hexdigest()[:8], 16)
    return (2 if entry == PERFECT and lot % 4 else min(case.number, 1)), lot


def run(
    cases: Sequence[Case],
    quotes: tuple[Quote, ...],
    processes: int,
    known: Known,
    progress: Callable[[float], None] = lambda share: None,
    *,
    entries: Sequence[str] = ENTRIES,
    until_s: float | None = None,
) -> list[Row]:
    """Run every session at both tariffs with every entry; spawned processes, so that it runs everywhere.

    From `until_s` on (monotonic) no result is waited for any more.
    """
    jobs: list[Job] = []
    rows: dict[tuple[int, str, str], Row] = {}
    for number, case in enumerate(cases):
        for tariff in TARIFFS:
            for entry in entries:
                found = known.get(case, tariff, entry)
                if found is None:
                    jobs.append((number, case, tariff, entry))
                else:
                    rows[number, tariff, entry] = Row(case, tariff, entry, found)
    jobs.sort(key=lambda job: _turn(job[1], job[3]))
    markets = {tariff: Market(tariff, quotes) for tariff in TARIFFS}
    if jobs and (until_s is None or time.monotonic() < until_s):
        with multiprocessing.get_context("spawn").Pool(processes, _begin, (markets,)) as pool:
            for done, (number, tariff, entry, result) in enumerate(pool.imap_unordered(_do, jobs), start=1):
                row = rows[number, tariff, entry] = Row(cases[number], tariff, entry, result)
                known.keep(row)
                progress(done / len(jobs))
                if until_s is not None and time.monotonic() >= until_s:
                    break
    return [rows[key] for key in sorted(rows)]


_MARKETS: dict[str, Market] = {}


def _begin(markets: dict[str, Market]) -> None:
    _MARKETS.update(markets)


def _do(job: Job) -> tuple[int, str, str, SessionResult]:
    number, case, tariff, entry = job
    return number, tariff, entry, run_entry(case, _MARKETS[tariff], entry)
