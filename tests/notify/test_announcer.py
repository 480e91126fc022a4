"""Events reach the channels from any thread; a channel that is slow, dead or mad delays nothing."""

import asyncio
import logging
import threading
from datetime import UTC
from pathlib import Path

import pytest

from controller.clock import SystemClock
from controller.delivery.announcer import Announcer
from controller.delivery.channels import Ntfy
from controller.delivery.wording import Message
from controller.errors import NotifyError
from controller.events import Event, Turn
from controller.ledger.ledger import Ledger
from controller.settings.notify import NtfySettings
from tests.notify.servers import NtfyServer

BUG = Event("bug", "error", "decide: ZeroDivisionError")


class Friend:
    """A channel that keeps what it is sent, and fails as often as it is told."""

    name, min_severity = "friend 1", "warning"

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.got: list[Message] = []
        self.tries = 0
        self.arrived = asyncio.Event()
        self._failures, self._error = failures, error or NotifyError("no connection")

    async def send(self, message: Message) -> None:
        self.tries += 1
        if self.tries <= self._failures:
            raise self._error
        self.got.append(message)
        self.arrived.set()

    async def close(self) -> None:
        pass


def announcer(*channels: object, **more: object) -> Announcer:
    return Announcer(channels, SystemClock(), UTC, look_s=0.01, retry_s=(0.01,), **more)  # type: ignore[arg-type]


async def test_the_listener_of_the_ledger_acts_on_the_thread_of_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events recorded by other threads are taken in by the loop's own, and all of them arrive."""
    threads: list[int] = []
    real = Announcer._take
    monkeypatch.setattr(
        Announcer, "_take", lambda self, event: (threads.append(threading.get_ident()), real(self, event))
    )
    friend = Friend()
    tell = announcer(friend)
    ledger = Ledger.open(tmp_path / "ledger.db", SystemClock())
    ledger.listen(tell.hear)
    tell.start()
    other = threading.Thread(target=ledger.record_event, args=("bug", "error", "from another thread"))
    other.start()
    await asyncio.wait_for(friend.arrived.wait(), 10)
    other.join()
    await tell.close()
    ledger.close()
    assert threads == [threading.get_ident()]
    assert "from another thread" in friend.got[0].text


async def test_a_damaged_ledger_found_by_the_writers_thread_is_told(tmp_path: Path) -> None:
    """What the writer's own thread finds when it opens the file anew comes through as well."""
    heard: list[Event] = []
    ledger = Ledger.open(tmp_path / "ledger.db", SystemClock())
    ledger.listen(heard.append)
    ledger.close()
    (tmp_path / "ledger.db").write_bytes(b"no database at all" * 500)
    ledger._reopen().close()
    assert any(event.kind == "ledger" and "damaged" in event.text for event in heard)


async def test_a_stalling_channel_delays_neither_the_others_nor_who_tells() -> None:
    """One server accepts and says nothing: the other channel has its message, and the loop turns on."""
    friend = Friend()
    async with NtfyServer("stall") as server:
        slow = Ntfy(NtfySettings(url=f"http://127.0.0.1:{server.port}/t"), "ntfy 1", None)
        tell = announcer(slow, friend, send_s=30.0)
        tell.start()
        tell.hear(BUG)
        await asyncio.wait_for(friend.arrived.wait(), 10)
        turns = 0
        for _ in range(100):
            tell.hear(BUG)
            await asyncio.sleep(0)
            turns += 1
        assert turns == 100
        await asyncio.wait_for(server.connected.wait(), 10)
        await tell.close()  # with a send on its way


async def test_a_failure_is_said_once_and_the_message_arrives_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Tried again until it works; one line when it begins and one when it is over."""
    caplog.set_level(logging.INFO)
    friend = Friend(failures=6)
    tell = announcer(friend)
    tell.start()
    tell.hear(BUG)
    await asyncio.wait_for(friend.arrived.wait(), 10)
    friend.arrived.clear()
    tell.hear(Event("bug 2", "error", "another, which is sent after that line"))
    await asyncio.wait_for(friend.arrived.wait(), 10)
    await tell.close()
    assert [r.getMessage() for r in caplog.records if "notify_recovered" in r.getMessage()]
    said = [r.getMessage() for r in caplog.records if "notify_fault" in r.getMessage()]
    assert len(said) == 1
    assert "friend 1" in said[0]
    assert friend.tries == 8


async def test_a_library_that_explodes_ends_nothing() -> None:
    friend = Friend(failures=2, error=RuntimeError("surprise"))
    tell = announcer(friend)
    tell.start()
    tell.hear(BUG)
    await asyncio.wait_for(friend.arrived.wait(), 10)
    await tell.close()


async def test_no_secret_leaves_in_a_message() -> None:
    """Whatever text an event has, a known secret in it is replaced."""
    friend = Friend()
    tell = announcer(friend, secrets=lambda: ["canary-55aa"])
    tell.start()
    tell.hear(Event("canary-55aa", "error", "an answer said canary-55aa", Turn.MOMENT))
    await asyncio.wait_for(friend.arrived.wait(), 10)
    await tell.close()
    assert "canary-55aa" not in friend.got[0].title + friend.got[0].text
    assert "***" in friend.got[0].text


async def test_after_the_end_of_the_loop_nothing_is_raised() -> None:
    """Who tells too late is not punished."""
    found: list[Announcer] = []

    def live() -> None:
        async def build() -> None:
            found.append(announcer(Friend()))

        asyncio.run(build())

    thread = threading.Thread(target=live)
    thread.start()
    thread.join()
    found[0].hear(BUG)


class Sleeper(Friend):
    """A channel without a deadline of its own that never comes back."""

    name = "sleeper 1"

    async def send(self, message: Message) -> None:
        await asyncio.Event().wait()


async def test_a_channel_without_a_deadline_has_ours(caplog: pytest.LogCaptureFixture) -> None:
    """What never returns is given up and said; the task lives on."""
    tell = announcer(Sleeper(), send_s=0.05)
    tell.start()
    tell.hear(BUG)
    async with asyncio.timeout(20):
        while "no answer within 0.05 s" not in caplog.text:  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0.01)
    await tell.close()
