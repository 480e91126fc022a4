"""C rows: what go-e's cloud can do, over real TLS, with the product's own timings on a simulated clock."""

import asyncio
import contextlib
import json
import ssl
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.chargers.goe import parse_body, parse_status
from controller.errors import ChargerError
from controller.model import Force, Settings
from controller.simulation.cloud import GoeServer, Reply
from tests.faults.cloud_life import HOST, TIMEOUT_S, TOKEN, CloudLife, tls_of

Bound = Callable[[str, str, float, float, str], None]
KNOWN_OLD_S = 120.0 + 10.0
"""Data of 120 s is stale; the decision after that says so."""

READS_S = 2 * 5.0 + 10.0
"""Two reads of the charger and the decision after them."""

SLACK_S = 2.0
"""What a busy machine may add to a deadline in real time."""


def most_a_minute(life: CloudLife, since_s: float) -> int:
    """Return the most requests the cloud has seen within any 60 s since then."""
    times = [request.at_s for request in life.cloud.requests if request.at_s >= since_s]
    return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)


async def until_old(life: CloudLife) -> float:
    """Wait until the controller itself calls the charger's data stale; return how long that took."""
    return await life.until(lambda: life.quality == "STALE", 300, "the data is known to be old")


async def nothing_raised_then_back(life: CloudLife, cure: Callable[[], None], most_s: float = 660.0) -> float:
    """More sun meanwhile raises nothing; after the cure there is more. Return how long that took."""
    count = len(life.sent)
    life.house.shade = 1.6
    await life.run(300)
    assert not life.raises_since(count)
    drew_w = life.car_w
    cure()
    began_s, count = life.now_s, len(life.sent)
    await life.until(
        lambda: bool(life.raises_since(count)) and life.car_w > max(drew_w, 1000), most_s, "back to normal"
    )
    return life.now_s - began_s


def not_found(life: CloudLife) -> None:
    life.cloud.raw = Reply(404, b"<html>not here</html>", [("Content-Type", "text/html")])


OUTAGES: dict[str, tuple[str, Callable[[CloudLife], None], str]] = {
    "offline": ("C1", lambda life: life.cloud.fail("forbidden"), "enabled in the go-e app"),
    "api_off": ("C1", lambda life: setattr(life.box, "cae", False), "enabled in the go-e app"),
    "outdated": ("C3", lambda life: life.cloud.fail("outdated_404"), "no fresh data"),
    "404_html": ("C3", not_found, "no fresh data"),
    "502": ("C6", lambda life: life.cloud.fail("bad_gateway"), "the cloud failed (502)"),
    "down": ("C6", lambda life: life.cloud.fail("down"), "the connection failed"),
}


def well(life: CloudLife) -> None:
    life.cloud.fail()
    life.cloud.raw, life.box.cae = None, True


@pytest.mark.parametrize("what", OUTAGES)
async def test_c1_c3_c6_an_outage_is_known_and_raises_nothing(
    tmp_path: Path, bound: Bound, what: str
) -> None:
    """Known to be old after 120 s, said with its reason, few requests; afterwards all is as before."""
    row, begin, words = OUTAGES[what]
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        begin(life)
        began_s = life.now_s
        bound(row, f"{what}: the data is known to be old", KNOWN_OLD_S, await until_old(life), "s")
        await life.run(600)
        bound(row, f"{what}: requests in any minute", 8, most_a_minute(life, began_s), "")
        took_s = await nothing_raised_then_back(life, lambda: well(life))
        # Off is what blindness asks for; when the cloud is back it arrives, and the pause after it is 300 s.
        bound(row, f"{what}: charging again after it is over", 60 + 300 + 120, took_s, "s")
        assert any(words in text for text in life.events("charger"))


async def test_c1_a_blind_meter_too_is_commanded_off_as_soon_as_somebody_listens(
    tmp_path: Path, bound: Bound
) -> None:
    """Both gone: the stop is asked for all the time, and arrives when the cloud is back."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.fail("forbidden")
        life.server.misbehave("silent")
        await life.run(600)
        assert life.car_w > 1000  # nobody can stop it: README says so
        well(life)
        bound("C1", "off after the cloud is back, the meter still silent", 30 + 10 + 2, await life.off(), "s")


async def test_c2_a_refused_token_is_not_hammered_and_a_new_one_is_taken_at_once(
    tmp_path: Path, bound: Bound
) -> None:
    """From minute 3 on 401: two reads in ten minutes, the meter is read on; a new token counts at once."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        await life.run(180)
        life.cloud.token = "another-token-5e2a"
        began_s, readings = life.now_s, life.house.now_s
        await life.run(600)
        reads = [r for r in life.cloud.requests if r.path == "/api/status" and r.at_s >= began_s]
        bound("C2", "reads in ten minutes with a refused token", 2, len(reads), "")
        assert life.house.now_s - readings == 600
        assert life.loop.last is not None
        assert life.loop.last[0].grid_age_s <= 2
        assert any("create the token" in text for text in life.events("token"))
        life.token = "another-token-5e2a"
        began_s = life.now_s
        await life.until(lambda: life.quality == "FRESH", 60, "the new token is used")
        bound("C2", "a new token is used", 15, life.now_s - began_s, "s")


@pytest.mark.parametrize(("keys", "most"), [(("psm",), 3), (("amp", "frc", "psm"), 3)])
async def test_c4_what_is_refused_is_not_asked_again_soon(
    tmp_path: Path, bound: Bound, keys: tuple[str, ...], most: int
) -> None:
    """422, for one key and for all: each value at most once in ten minutes."""
    async with CloudLife(tmp_path, sun_w=7000.0) as life:
        life.cloud.refused_keys = frozenset(keys)
        await life.run(1790)
        asked: dict[str, list[float]] = {}
        for at_s, sent in life.sent:
            if set(sent) & set(keys):
                asked.setdefault(json.dumps(sent), []).append(at_s)
        assert asked
        bound(
            "C4", f"{' '.join(keys)}: the same write in half an hour", most, max(map(len, asked.values())), ""
        )
        for times in asked.values():
            assert all(after - before >= 590 for before, after in pairwise(times))
        assert any("refused" in text or "not arrive" in text for text in life.events())
        if keys == ("psm",):
            assert life.car_w > 1000  # on the phases there are


async def test_c5_400_with_the_whole_status_is_read(tmp_path: Path, bound: Bound) -> None:
    """The body counts, and what the box does not have is not asked for again; 400 with HTML is a refusal."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        life.cloud.fail("status_400")
        began_s = life.now_s
        await life.until(lambda: life.quality == "FRESH", 60, "it is read")
        bound("C5", "reads until it is understood", 15, life.now_s - began_s, "s")
        await life.charging()
        life.cloud.raw = Reply(400, b"<html>no</html>")
        await until_old(life)
        assert any("not JSON" in text or "400" in text for text in life.events("charger"))


@pytest.mark.parametrize("every", [20, 2])
async def test_c6_single_failures_are_invisible(tmp_path: Path, bound: Bound, every: int) -> None:
    """One answer in twenty, or every other one, is a 502: the data stays fresh, the sun is followed."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        aged, worst_s = 0, 0.0
        for second in range(900):
            life.cloud.fail(*(["bad_gateway"] if len(life.cloud.requests) % every == 0 else []))
            life.house.shade = 1.0 if second < 300 else 1.4
            await life.run(1)
            assert life.loop.last is not None
            aged += life.quality != "FRESH"
            worst_s = max(worst_s, life.loop.last[0].charger_age_s)
        bound("C6", f"one 502 in {every}: oldest data a decision had", 40, worst_s, "s")
        assert aged == 0
        assert not any("502" in text for text in life.events())
        assert life.car_w > 3600


async def c7_read(life: CloudLife) -> float:
    """Return how long a read takes that must fail, in real s."""
    began = time.monotonic()
    with pytest.raises(ChargerError):
        await life.charger.read()
    return time.monotonic() - began


@pytest.mark.parametrize("how", ["timeout", "slicer", "latency"])
async def test_c7_slow_answers_meet_one_deadline(tmp_path: Path, bound: Bound, how: str) -> None:
    """Silence after the request, a drip, an answer that comes too late: given up in time, then read again."""
    async with CloudLife(tmp_path) as life:
        await life.charger.read()
        life.cloud.fail(how)
        life.cloud.latency_s = 30.0 if how == "latency" else 0.0
        bound("C7", f"{how}: given up (5 s installed)", TIMEOUT_S + SLACK_S, await c7_read(life), "s")
        life.cloud.latency_s = 0.0
        well(life)
        life.clock.advance(60)
        assert (await life.charger.read()).serial == life.box.serial


async def test_c7_a_listener_that_never_shakes_hands_meets_the_deadline(tmp_path: Path, bound: Bound) -> None:
    """TCP is accepted and TLS never answered."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with CloudLife(tmp_path) as life:
        life.connect(f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}")
        bound(
            "C7",
            "TLS never answered: given up (5 s installed)",
            TIMEOUT_S + SLACK_S,
            await c7_read(life),
            "s",
        )
        await life.charger.close()
    for writer in held:
        writer.close()
    silent.close()


@pytest.mark.parametrize("code", [301, 302, 307, 308])
async def test_c8_a_redirect_is_never_followed(tmp_path: Path, bound: Bound, code: int) -> None:
    """The other server sees no request, and so no token."""
    seen: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(4096))
        writer.close()

    other = await asyncio.start_server(record, "127.0.0.1", 0)
    target = f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/api/status"
    async with CloudLife(tmp_path) as life:
        life.cloud.raw = Reply(code, b"", [("Location", target)])
        with pytest.raises(ChargerError, match="redirect"):
            await life.charger.read()
        outcome = await life.charger.write(Settings(force=Force.OFF))
        assert outcome.kind == "unknown"
    other.close()
    bound("C8", f"{code}: requests the other server saw", 0, len(seen), "")


async def test_c8_a_captive_portal_is_no_charger(tmp_path: Path, bound: Bound) -> None:
    """200 and a page: never read as a status, its text in no log; the car's data ages as in an outage."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        page = b"<html><title>Free Wi-Fi</title>Please log in, secret-offer</html>"
        life.cloud.raw = Reply(200, page, [("Content-Type", "text/html")])
        bound("C8", "a page instead of data: known to be old", KNOWN_OLD_S, await until_old(life), "s")
        assert not any("secret-offer" in text for text in life.events())
        await nothing_raised_then_back(life, lambda: well(life))


GOOD = {"car": 2, "amp": 9, "frc": 2, "psm": 1, "nrg": [230] * 12 + [0] * 4, "alw": True, "acu": 9, "err": 0}
CORPUS: dict[str, bytes] = {
    "empty": b"",
    "cut": b'{"car":2,"amp":',
    "deep": b"[" * 30_000,
    "deep object": b'{"a":' * 5_000,
    "huge number": b'{"car":2,"amp":' + b"9" * 5_000 + b"}",
    "not a number": b'{"car":2,"amp":NaN,"frc":2}',
    "infinite": b'{"car":2,"amp":1e999,"frc":2}',
    "list": b"[1,2,3]",
    "null": b"null",
    "not utf-8": b'{"car":"\xff\xfe"}',
    "megabytes": b'{"car":"' + b"x" * 3_000_000 + b'"}',
}


@pytest.mark.parametrize("what", CORPUS)
async def test_c9_a_bent_body_is_refused_whole(tmp_path: Path, bound: Bound, what: str) -> None:
    """An error of ours, or data without what cannot be true; never much memory."""
    async with CloudLife(tmp_path) as life:
        life.cloud.raw = Reply(200, CORPUS[what])
        before = resident_mb()
        status = None
        with contextlib.suppress(ChargerError):
            status = await life.charger.read()
        assert status is None or status.requested_a is None
        bound("C9", f"{what}: memory", 20, max(resident_mb() - before, 0.0), "MB")


def resident_mb() -> float:
    """Return the resident memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("no VmRSS")


@settings(max_examples=60, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=300),
        st.dictionaries(
            st.sampled_from(sorted(GOOD)),
            st.recursive(
                st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=20),
                lambda inner: st.lists(inner, max_size=16),
                max_leaves=20,
            ),
        ).map(lambda changed: json.dumps(GOOD | changed).encode()),
    )
)
def test_c9_whatever_the_body_a_status_holds_what_can_be_true(body: bytes) -> None:
    """Random bytes and mutated answers through the parser: within range or not there."""
    try:
        status = parse_status(parse_body(body), data_s=0.0, received_s=0.0)
    except ChargerError:
        return
    assert status.requested_a is None or 6 <= status.requested_a <= 32
    assert status.power_w is None or abs(status.power_w) <= 1e6
    assert status.force in (None, 0, 1, 2)


DATES: dict[str, dict[str, str | None]] = {
    "no Last-Modified": {"Last-Modified": None},
    "no Date": {"Date": None},
    "neither": {"Date": None, "Last-Modified": None},
    "garbage": {"Last-Modified": "yesterday, I think"},
    "ten minutes old": {
        "Last-Modified": "Sun, 21 Jun 2026 08:00:00 GMT",
        "Date": "Sun, 21 Jun 2026 08:10:00 GMT",
    },
    "an hour ahead": {
        "Last-Modified": "Sun, 21 Jun 2026 09:00:00 GMT",
        "Date": "Sun, 21 Jun 2026 08:00:00 GMT",
    },
}


@pytest.mark.parametrize("what", DATES)
async def test_c10_data_that_cannot_be_dated_is_old(tmp_path: Path, bound: Bound, what: str) -> None:
    """It raises nothing, and after 120 s it is known to be old."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.moved = DATES[what]
        bound("C10", f"{what}: known to be old", KNOWN_OLD_S, await until_old(life), "s")
        took_s = await nothing_raised_then_back(life, lambda: life.cloud.moved.clear() or None)
        assert took_s < 660


async def test_c10_a_zone_that_nobody_knows_is_utc(tmp_path: Path) -> None:
    """One of the two dates names a zone that is none: their difference is told all the same."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.moved = {
            "Last-Modified": "Sun, 21 Jun 2026 08:00:00 GMT",
            "Date": "Sun, 21 Jun 2026 08:00:01 NaNGMT",
        }
        await life.run(300)
        assert life.quality == "FRESH"


async def test_c10_a_clock_of_ours_that_is_wrong_changes_nothing(tmp_path: Path) -> None:
    """The age is by the server's two clocks: ours may be a year off."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.clock.step_wall(-365 * 86_400.0)
        await life.run(300)
        assert life.quality == "FRESH"


async def test_c11_a_raise_that_is_accepted_and_dropped(tmp_path: Path, bound: Bound) -> None:
    """Noticed by the next reads, sent again after 15, 45 and 135 s, then given up."""
    async with CloudLife(tmp_path, sun_w=2500.0) as life:
        await life.charging()
        life.cloud.fail("accept_drop")
        life.house.shade = 1.8
        count, began_s = len(life.sent), life.now_s
        await life.until(lambda: len(life.sent) > count, 600, "a raise")
        first_s = life.now_s
        await life.until(lambda: any("not arrive" in text for text in life.events("charger")), 60, "noticed")
        bound("C11", "a dropped raise is noticed", 15 + READS_S, life.now_s - first_s, "s")
        await life.run(900)
        same = [at for at, keys in life.sent[count:] if keys == life.sent[count][1]]
        bound("C11", "a dropped raise is sent", 4, len(same), "times")
        gaps = [after - before for before, after in pairwise(same)]
        assert gaps == sorted(gaps)
        assert began_s < first_s


async def test_c11_a_stop_that_is_accepted_and_dropped(tmp_path: Path, bound: Bound) -> None:
    """The meter is silent, the stop is lost: asked every 10 s, told after 60 s, never given up."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.fail("accept_drop")
        life.server.misbehave("silent")
        count = len(life.sent)
        await life.until(lambda: len(life.sent) > count, 120, "a stop")
        began_s = life.now_s
        await life.until(
            lambda: any("not been applied" in text for text in life.events("reduction")), 200, "told"
        )
        bound("C11", "people are told of a stop that is not applied", 60 + READS_S, life.now_s - began_s, "s")
        (told,) = [text for text in life.events("reduction") if "not been applied" in text]
        assert "modelStatus" in told
        assert "Remedy" in told
        await life.run(200)
        gaps = [after - before for (before, _), (after, _) in pairwise(life.sent[count:])]
        assert all(keys == {"frc": 1} for _, keys in life.sent[count:])
        bound("C11", "a dropped stop is asked for again", 10, max(gaps), "s")
        well(life)
        bound("C11", "off after the cloud applies again", 12, await life.off(), "s")


async def test_c11_one_write_in_three_is_dropped(tmp_path: Path) -> None:
    """The sun is followed all the same."""
    async with CloudLife(tmp_path, sun_w=2500.0) as life:
        await life.charging()
        for turn in range(60):
            life.cloud.fail(*(["accept_drop"] if turn % 3 == 0 else []))
            life.house.shade = 1.0 + turn / 60
            await life.run(20)
        life.cloud.fail()
        await life.run(200)
        assert life.car_w > 3600


async def test_c12_a_late_write_does_not_outlive_the_newest(tmp_path: Path, bound: Bound) -> None:
    """All arrive 25 s late, and once in the wrong order: what was decided last is what stays."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.delay_s = 25.0
        life.house.shade = 1.8
        count = len(life.sent)
        await life.until(lambda: len(life.sent) > count, 300, "a raise")
        life.cloud.delay_s = 2.0  # overtakes the raise
        life.house.shade = 0.6
        await life.until(
            lambda: life.sent[-1][1].get("amp", 16) < life.sent[count][1].get("amp", 16), 300, "less"
        )
        began_s = life.now_s
        await life.run(25)
        await life.until(lambda: life.box.amp == life.sent[-1][1]["amp"], 60, "the newest stays")
        bound("C12", "a late raise is lowered again", 25 + READS_S, life.now_s - began_s, "s")
        await life.run(300)
        assert not any("outside" in text for text in life.events())


async def test_c13_a_write_without_an_answer_is_decided_by_the_next_read(
    tmp_path: Path, bound: Bound
) -> None:
    """Applied, then silence: unknown until it is read, then applied; sent once."""
    async with CloudLife(tmp_path, sun_w=2500.0) as life:
        await life.charging()
        life.connect(timeout_s=0.3)
        count = len(life.sent)
        life.cloud.fail("apply_but_hang")
        life.house.shade = 1.6
        await life.until(lambda: len(life.sent) > count, 300, "a raise")
        life.cloud.fail()
        (state, outcome) = life.ledger.rows("SELECT state, outcome FROM intents ORDER BY id DESC LIMIT 1")[0]
        assert (state, outcome) == ("open", "unknown")
        began_s = life.now_s

        def state_now() -> str:
            return str(life.ledger.rows("SELECT state FROM intents ORDER BY id DESC LIMIT 1")[0][0])

        await life.until(lambda: state_now() == "applied", 60, "read")
        bound("C13", "decided by reading", READS_S, life.now_s - began_s, "s")
        unheard, *later = [keys for _, keys in life.sent[count:]]
        assert unheard not in later  # a new wish may follow at once; the same is not said twice


@pytest.mark.parametrize(
    ("retry_after", "pause_s"),
    [
        ("120", 120),
        ("Sun, 21 Jun 2026 08:05:00 GMT", 300),
        ("1000000", 900),
        ("soon", 60),
        ("-5", 1),
        (None, 60),
    ],
)
async def test_c14_a_pause_that_is_asked_for_is_kept(
    tmp_path: Path, bound: Bound, retry_after: str | None, pause_s: float
) -> None:
    """429 with seconds, a date, nonsense or nothing: no read meanwhile, and 15 min at most."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.retry_after = retry_after
        life.cloud.moved = {"Date": "Sun, 21 Jun 2026 08:00:00 GMT"}
        life.cloud.fail("rate_limit")
        reads = len(life.cloud.requests) - len(life.cloud.writes)
        await life.until(
            lambda: len(life.cloud.requests) - len(life.cloud.writes) > reads, 30, "the first 429"
        )
        began_s = life.now_s
        life.cloud.moved = {}
        reads += 1
        took_s = await life.until(
            lambda: len(life.cloud.requests) - len(life.cloud.writes) > reads, 1000, "read again"
        )
        assert pause_s <= took_s
        bound("C14", f"Retry-After {retry_after}: read again", pause_s + 10, took_s, "s")
        writes = [at for at, _ in life.sent if at >= began_s]
        assert all(after - before >= 30 for before, after in pairwise(writes))


async def test_c14_a_stop_passes_a_pause(tmp_path: Path, bound: Bound) -> None:
    """The meter falls silent while the cloud asks for a quarter of an hour: a stop is tried every 30 s."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        life.cloud.retry_after = "900"
        life.cloud.fail("rate_limit")
        await life.run(30)
        life.server.misbehave("silent")
        count = len(life.sent)
        await life.until(lambda: len(life.sent) > count, 120, "the first stop")
        await life.run(300)
        gaps = [after - before for (before, _), (after, _) in pairwise(life.sent[count:])]
        bound("C14", "a stop is tried again during a pause", 40, max(gaps), "s")
        well(life)
        bound("C14", "off after the cloud takes writes again", 42, await life.off(), "s")


@pytest.mark.parametrize("host", ["no-such-charger.invalid", "192.0.2.1"])
async def test_c15_no_name_and_no_way(tmp_path: Path, bound: Bound, host: str) -> None:
    """A name nobody knows, an address nobody answers at: one deadline, then as in any outage."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        await life.charger.close()
        life.connect(f"https://{host}", timeout_s=0.3)
        bound("C15", f"{host}: given up (5 s installed)", 0.3 + SLACK_S, await c7_read(life), "s")
        bound("C15", f"{host}: known to be old", KNOWN_OLD_S, await until_old(life), "s")
        assert any("no connection" in text or "no complete" in text for text in life.events("charger"))
        await life.charger.close()
        await nothing_raised_then_back(life, life.connect)


def the_wrong(what: str, life: CloudLife) -> ssl.SSLContext:
    """Return what a server shows that is not go-e's."""
    yesterday, tomorrow = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    if what == "expired":
        long_ago = yesterday - timedelta(days=30)
        return tls_of(life.authority.issue_cert(HOST, not_before=long_ago, not_after=yesterday))
    if what == "not yet valid":
        return tls_of(life.authority.issue_cert(HOST, not_before=tomorrow))
    if what == "another name":
        return tls_of(life.authority.issue_cert("another.example"))
    if what == "unknown authority":
        return tls_of(trustme.CA().issue_cert(HOST))
    if what == "self-signed":  # the authority's own certificate as the server's
        stranger = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with stranger.private_key_pem.tempfile() as key, stranger.cert_pem.tempfile() as certificate:
            context.load_cert_chain(certificate, key)
        return context
    assert what == "TLS 1.1"
    context = tls_of(life.authority.issue_cert(HOST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


WRONG = ("expired", "not yet valid", "another name", "unknown authority", "self-signed", "TLS 1.1")


@pytest.mark.parametrize("what", WRONG)
async def test_c15_c16_who_cannot_prove_to_be_the_cloud_gets_nothing(
    tmp_path: Path, bound: Bound, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request and so no token leaves; the environment changes nothing; the true one is read again."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        false = GoeServer(
            life.box, TOKEN, now_s=lambda: life.now_s, epoch=life.clock.wall(), tls=the_wrong(what, life)
        )
        await false.start()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        await life.charger.close()
        life.connect(false.url)
        with pytest.raises(ChargerError) as caught:
            await life.charger.read()
        assert "certificate" in str(caught.value) or "connection" in str(caught.value)
        bound("C16", f"{what}: known to be old", KNOWN_OLD_S, await until_old(life), "s")
        bound("C16", f"{what}: requests it saw", 0, len(false.requests), "")
        await life.charger.close()
        await nothing_raised_then_back(life, life.connect)
        await false.stop()


@pytest.mark.parametrize("key", ["amp", "frc", "psm"])
async def test_c17_a_start_of_which_a_part_is_lost(tmp_path: Path, bound: Bound, key: str) -> None:
    """The box drops one key: never more than was decided for longer than two reads, and it is said."""
    async with CloudLife(tmp_path, sun_w=9000.0) as life:
        life.box.amp, life.box.psm = 16, 1
        life.cloud.dropped_keys = frozenset((key,))
        life.house.shade = 0.25 if key == "amp" else 1.0
        over_s, longest_s = 0.0, 0.0
        for _ in range(1500):
            await life.run(1)
            asked = [keys["amp"] for _, keys in life.sent if "amp" in keys]
            over = life.box.frc == 2 and bool(asked) and life.box.amp > asked[-1] and life.car_w > 1000
            over_s = over_s + 1 if over else 0.0
            longest_s = max(longest_s, over_s)
        bound("C17", f"{key} lost: more than was decided", READS_S + 2, longest_s, "s")
        assert life.sent
        assert any("did not arrive" in text for text in life.events("charger"))
        stops = [keys for _, keys in life.sent if keys.get("frc") == 1]
        assert all(keys == {"frc": 1} for keys in stops)
        assert bool(stops) is (key == "amp")
        life.cloud.dropped_keys = frozenset()
        await life.until(
            lambda: life.car_w > 1000 and life.box.frc == 2 and life.box.amp <= life.sent[-1][1]["amp"],
            2400,
            "back to normal",
        )


@pytest.mark.timeout(300)  # six hours are lived
async def test_c18_a_service_that_is_gone_for_good(tmp_path: Path, bound: Bound) -> None:
    """Six hours without the cloud: meter and ledger go on, it is said hourly; then all is well."""
    async with CloudLife(tmp_path, sun_w=4000.0) as life:
        await life.charging()
        await life.cloud.stop()
        port = life.cloud.port
        began_s, said = life.now_s, len(life.events("charger"))
        await life.run(6 * 3600)
        bound("C18", "events in six hours", 10, len(life.events("charger")) - said, "")
        rows = life.ledger.rows("SELECT count(*) FROM decisions")[0][0]
        assert rows > 300
        assert life.loop.last is not None
        assert life.loop.last[0].grid_age_s <= 2
        life.cloud.port = port
        await life.cloud.start()
        await life.until(lambda: life.quality == "FRESH", 120, "read again")
        assert life.now_s - began_s > 6 * 3600
