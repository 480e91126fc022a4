"""Both roads to the charger against a real HTTP server on loopback: every code, every body, every fault."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.chargers import CloudTransport, FailoverCharger, LocalTransport
from controller.chargers.goe import parse_body, parse_status
from controller.clock import SimClock
from controller.errors import (
    AuthRejected,
    ChargerError,
    ChargerOffline,
    ChargerRefused,
    ChargerUnreachable,
)
from controller.model import CarState, Force, OutcomeKind, PhaseMode, Settings
from controller.simulation.box import Box
from controller.simulation.car import PROFILES, Car
from controller.simulation.cloud import GoeServer

TOKEN = "canary-token-9c1f"
EPOCH = datetime(2026, 6, 21, tzinfo=UTC)


class Rig:
    """A box behind a server, and a clock both sides share."""

    def __init__(self, *, local: bool) -> None:
        self.clock = SimClock(EPOCH, 0.0)
        self.box = Box(serial="012345")
        self.server = GoeServer(self.box, TOKEN, now_s=self.clock.monotonic, epoch=EPOCH, local=local)
        self.token = TOKEN

    async def start(self) -> "Rig":
        await self.server.start()
        return self

    def cloud(self, timeout_s: float = 2.0) -> CloudTransport:
        return CloudTransport(
            "12345", lambda: self.token, clock=self.clock, base_url=self.server.url, timeout_s=timeout_s
        )

    def local(self, timeout_s: float = 2.0) -> LocalTransport:
        host = f"127.0.0.1:{self.server.port}"
        return LocalTransport("12345", host, clock=self.clock, timeout_s=timeout_s)

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            self.box.step()
            self.server.deliver()


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await Rig(local=False).start()
    yield made
    await made.server.stop()


@pytest.fixture
async def local_rig() -> AsyncIterator[Rig]:
    made = await Rig(local=True).start()
    yield made
    await made.server.stop()


async def test_cloud_reads_the_box_with_its_age(rig: Rig) -> None:
    """A status carries the keys by meaning and the age of the data by the server's own clocks."""
    rig.box.plug(Car(PROFILES["ideal"]))
    rig.box.set("psm", 1)
    rig.box.set("frc", 2)
    rig.advance(40)
    client = rig.cloud()
    status = await client.read()
    assert (status.car, status.force, status.phase_mode) == (CarState.CHARGING, Force.ON, PhaseMode.ONE)
    assert status.current_a is not None
    assert status.current_a[0] == pytest.approx(16, abs=0.5)
    assert status.power_w == pytest.approx(3680, rel=0.05)
    assert status.hardware_limit_a == 16
    rig.server.fail("stale_data")
    rig.advance(21)
    assert rig.clock.monotonic() - (await client.read()).data_s == pytest.approx(21, abs=1.5)
    await client.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("token_revoked", AuthRejected),
        ("forbidden", ChargerOffline),
        ("outdated_404", ChargerOffline),
        ("bad_gateway", ChargerUnreachable),
        ("html", ChargerUnreachable),
        ("bad_json", ChargerUnreachable),
        ("bomb", ChargerUnreachable),
        ("redirect", ChargerUnreachable),
        ("rate_limit", ChargerUnreachable),
        ("timeout", ChargerUnreachable),
        ("slicer", ChargerUnreachable),
        ("limit_data", ChargerUnreachable),
        ("reset_peer", ChargerUnreachable),
    ],
)
async def test_cloud_fault_is_one_of_ours_and_passes(rig: Rig, fault: str, error: type) -> None:
    """Each fault becomes the error that says what to do, holds no token, and ends with its cause."""
    client = rig.cloud()
    rig.server.fail(fault)
    with pytest.raises(error) as caught:
        await client.read()
    assert TOKEN not in str(caught.value)
    rig.server.fail()
    rig.clock.advance(700)
    assert (await client.read()).requested_a == 16
    await client.close()


async def test_404_tells_the_age(rig: Rig) -> None:
    """The age in the body of a 404 is kept for the user."""
    client = rig.cloud()
    await client.read()
    rig.server.fail("outdated_404")
    rig.advance(100)
    with pytest.raises(ChargerOffline) as caught:
        await client.read()
    assert caught.value.age_s == pytest.approx(100, abs=2)
    await client.close()


async def test_400_with_json_is_data(rig: Rig) -> None:
    """Firmware that answers 400 with the right body is read all the same."""
    rig.server.fail("status_400")
    client = rig.cloud()
    assert (await client.read()).requested_a == 16
    await client.close()


async def test_data_without_a_date_is_old(rig: Rig) -> None:
    """An answer that cannot be dated never counts as fresh."""
    rig.server.fail("undated")
    client = rig.cloud()
    assert rig.clock.monotonic() - (await client.read()).data_s > 1000
    await client.close()


async def test_missing_keys_are_none_not_zero(rig: Rig) -> None:
    """A key that is not there is unknown; the others live."""
    rig.server.fail("partial_keys")
    client = rig.cloud()
    status = await client.read()
    full = parse_status(rig.box.status(), data_s=0, received_s=0)
    assert status.requested_a in (None, full.requested_a)
    assert status.power_w in (None, full.power_w)
    await client.close()


async def test_wrong_token_is_not_hammered_and_a_new_one_is_taken_at_once(rig: Rig) -> None:
    """After 401 there is one request in ten minutes, unless the token changes."""
    client = rig.cloud()
    rig.token = "old"
    for _ in range(100):
        with pytest.raises(AuthRejected):
            await client.read()
        rig.clock.advance(5)
    assert len(rig.server.requests) <= 2
    rig.token = TOKEN
    assert (await client.read()).requested_a == 16
    await client.close()


async def test_an_hour_of_502_costs_few_requests(rig: Rig) -> None:
    """While the cloud fails, at most 12 requests a minute leave, far fewer in the long run."""
    client = rig.cloud()
    rig.server.fail("bad_gateway")
    for _ in range(720):
        with pytest.raises(ChargerUnreachable):
            await client.read()
        rig.clock.advance(5)
    assert len(rig.server.requests) <= 90
    await client.close()


async def test_single_502_is_forgotten(rig: Rig) -> None:
    """One hiccup does not delay the next read."""
    client = rig.cloud()
    rig.server.fail("bad_gateway")
    with pytest.raises(ChargerUnreachable):
        await client.read()
    rig.server.fail()
    rig.clock.advance(5)
    assert await client.read()
    await client.close()


async def test_another_chargers_answer_is_refused(rig: Rig) -> None:
    """An answer with another serial number is not ours."""
    client = CloudTransport("999999", lambda: TOKEN, clock=rig.clock, base_url=rig.server.url)
    with pytest.raises(ChargerUnreachable, match="another charger"):
        await client.read()
    await client.close()


START = Settings(current_a=9, force=Force.ON, phase_mode=PhaseMode.THREE)


async def test_cloud_write_is_one_request_with_amp_first(rig: Rig) -> None:
    """A write is one request, amp first, token in the header only; the box then has it."""
    client = rig.cloud()
    outcome = await client.write(START)
    assert outcome.kind is OutcomeKind.ACCEPTED
    assert [request.query for request in rig.server.writes] == ["amp=9&frc=2&psm=2"]
    rig.advance(2)
    assert (rig.box.amp, rig.box.frc, rig.box.psm) == (9, 2, 2)
    await client.close()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("unprocessable", OutcomeKind.REFUSED),
        ("token_revoked", OutcomeKind.REFUSED),
        ("bad_gateway", OutcomeKind.UNKNOWN),
        ("apply_but_hang", OutcomeKind.UNKNOWN),
        ("timeout", OutcomeKind.UNKNOWN),
        ("reset_peer", OutcomeKind.UNKNOWN),
        ("accept_drop", OutcomeKind.ACCEPTED),
        ("rate_limit", OutcomeKind.UNKNOWN),
    ],
)
async def test_cloud_write_outcome(rig: Rig, fault: str, kind: OutcomeKind) -> None:
    """What is said of a write is no more than what is known, and it is sent once."""
    client = rig.cloud()
    rig.server.fail(fault)
    assert (await client.write(Settings(force=Force.OFF))).kind is kind
    assert len(rig.server.writes) == 1
    await client.close()


async def test_local_box_gives_real_answers(local_rig: Rig) -> None:
    """The local API says at once whether a key was taken."""
    client = local_rig.local()
    assert (await client.write(START)).kind is OutcomeKind.ACCEPTED
    assert (await client.read()).requested_a == 9
    local_rig.server.fail("bad_gateway")
    assert (await client.write(START)).kind is OutcomeKind.UNKNOWN
    await client.close()


async def test_local_box_with_a_stopped_clock_gets_old(local_rig: Rig) -> None:
    """A box whose running time stands still is not read as fresh."""
    client = local_rig.local()
    await client.read()
    local_rig.clock.advance(50)
    status = await client.read()
    assert local_rig.clock.monotonic() - status.data_s == pytest.approx(50)
    await client.close()


@pytest.mark.parametrize("fault", ["html", "bad_json", "bomb", "timeout", "reset_peer", "redirect"])
async def test_local_fault_is_one_of_ours(local_rig: Rig, fault: str) -> None:
    """Each local fault becomes an error of ours."""
    client = local_rig.local()
    local_rig.server.fail(fault)
    with pytest.raises((ChargerUnreachable, ChargerRefused)):
        await client.read()
    await client.close()


async def test_failover_goes_both_ways(rig: Rig, local_rig: Rig) -> None:
    """The other road takes over when one dies, and a write takes exactly one road."""
    charger = FailoverCharger(local_rig.local(), rig.cloud(), clock=rig.clock)
    await charger.read()
    assert len(local_rig.server.requests) == 1
    local_rig.server.fail("reset_peer")
    await charger.read()
    assert len(rig.server.requests) == 1
    await charger.write(Settings(force=Force.OFF))
    assert (len(rig.server.writes), len(local_rig.server.writes)) == (1, 0)
    local_rig.server.fail()
    rig.clock.advance(61)
    await charger.read()
    await charger.write(Settings(force=Force.OFF))
    assert (len(rig.server.writes), len(local_rig.server.writes)) == (1, 1)
    await charger.close()


async def test_the_token_appears_nowhere(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Through every fault the token is in no URL, no log record, no error."""
    caplog.set_level(logging.DEBUG)
    client = rig.cloud(timeout_s=0.1)
    for fault in ("token_revoked", "bad_gateway", "html", "timeout", "reset_peer", "rate_limit"):
        rig.server.fail(fault)
        rig.clock.advance(1000)
        with pytest.raises(ChargerError) as caught:
            await client.read()
        assert TOKEN not in repr(caught.value)
        assert TOKEN not in (await client.write(START)).detail
    assert not any(TOKEN in request.query for request in rig.server.requests)
    assert not any(TOKEN in record.getMessage() for record in caplog.records if record.name != "asyncio")
    await client.close()


async def test_plain_http_status_codes_for_any_client(rig: Rig) -> None:
    """Without our client: 401, 404 and 422 are what the documentation says."""

    async def get(path: str, token: str) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port)
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(request.encode())
        line = await asyncio.wait_for(reader.readline(), 2)
        writer.close()
        return int(line.split()[1])

    assert await get("/api/status?filter=amp,car,nrg", TOKEN) == 200
    assert await get("/api/status", "wrong") == 401
    assert await get("/api/set?nonsense=1", TOKEN) == 422
    assert await get("/api/set?amp=%7B", TOKEN) == 422
    rig.server.fail("outdated_404")
    assert await get("/api/status", TOKEN) == 404
    rig.server.fail()
    rig.box.cae = False
    assert await get("/api/status", TOKEN) == 403


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=17) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
KEYS = st.sampled_from(
    ["car", "amp", "frc", "psm", "nrg", "alw", "acu", "err", "ama", "cbl", "adi", "rbt", "typ"]
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(KEYS, JSON))
def test_any_values_give_a_status(document: dict[str, object]) -> None:
    """Whatever stands behind the keys, a status comes out and its numbers are in range."""
    status = parse_status(document, data_s=1.0, received_s=1.0)
    assert status.requested_a is None or 6 <= status.requested_a <= 32
    assert status.hardware_limit_a is None or 0 <= status.hardware_limit_a <= 32
    assert status.power_w is None or abs(status.power_w) <= 1e6


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300) | JSON.map(lambda v: repr(v).encode()))
def test_any_bytes_give_an_object_or_our_error(body: bytes) -> None:
    """Whatever bytes arrive, the parser returns an object or raises ours."""
    with contextlib.suppress(ChargerError):
        assert isinstance(parse_body(body), dict)
