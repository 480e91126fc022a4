"""Carries events to people beside the control: bounded in memory and time, it never delays a decision.

Each channel has its outbox and its task. What cannot be delivered is tried again, ever more seldom, while the
outbox folds what happens meanwhile. That a channel fails is said in the log once, and when it works again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import tzinfo

from controller.clock import Clock
from controller.delivery.channels import SEND_S, Channel
from controller.delivery.outbox import Outbox
from controller.delivery.wording import Message
from controller.errors import AmpilotError
from controller.events import Event

log = logging.getLogger(__name__)
LOOK_S = 5.0
RETRY_S = (30.0, 120.0, 600.0, 1800.0)
CLOSE_S = 1.0


class Announcer:
    """Hears every event and tells the channels. Built on the event loop's thread; `start` begins the work."""

    def __init__(
        self,
        channels: Sequence[Channel],
        clock: Clock,
        zone: tzinfo,
        *,
        offered: Callable[[], str] = lambda: "",
        secrets: Callable[[], list[str]] = list,
        look_s: float = LOOK_S,
        retry_s: Sequence[float] = RETRY_S,
        send_s: float = SEND_S,
    ) -> None:
        self._clock, self._zone, self._secrets = clock, zone, secrets
        self._look_s, self._retry_s, self._send_s = look_s, retry_s, send_s
        self._loop = asyncio.get_running_loop()
        self._ways = [(channel, Outbox(channel.min_severity, offered)) for channel in channels]
        self._tasks: list[asyncio.Task[None]] = []

    def hear(self, event: Event) -> None:
        """Take an event from any thread; returns at once and never raises."""
        if self._ways:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody can be told any more
                self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event) -> None:
        now_s = float(self._clock.monotonic())
        when = self._clock.wall().astimezone(self._zone).strftime("%H:%M")
        for _, outbox in self._ways:
            outbox.note(event, now_s, when)

    def start(self) -> None:
        """Begin to deliver."""
        self._tasks = [asyncio.create_task(self._serve(channel, box)) for channel, box in self._ways]

    async def close(self) -> None:
        """End the deliveries; what is on its way is given up."""
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*self._tasks, return_exceptions=True)
                for channel, _ in self._ways:
                    await channel.close()

    async def _serve(self, channel: Channel, outbox: Outbox) -> None:
        failures = 0
        waiting: Message | None = None
        while True:
            waiting = waiting or outbox.due(float(self._clock.monotonic()))
            if waiting is None:
                await asyncio.sleep(self._look_s)
                continue
            why = await deliver(channel, waiting, self._secrets(), self._send_s)
            if why is None:
                if failures:
                    log.info("event=notify_recovered channel=%r after=%d tries", channel.name, failures)
                failures, waiting = 0, None
                continue
            failures += 1
            if failures == 1:
                log.warning("event=notify_fault channel=%r %s; it is tried again", channel.name, why)
            await asyncio.sleep(self._retry_s[min(failures, len(self._retry_s)) - 1])


async def deliver(
    channel: Channel, message: Message, secrets: Sequence[str], send_s: float = SEND_S
) -> str | None:
    """Send one message and return None, or why it was not delivered; never raises."""
    try:
        async with asyncio.timeout(send_s):
            await channel.send(redacted(message, secrets))
    except TimeoutError:
        return f"no answer within {send_s:g} s"
    except AmpilotError as error:
        return str(error)
    except Exception as error:  # a library's surprise must not end the task
        return type(error).__name__
    return None


def redacted(message: Message, secrets: Sequence[str]) -> Message:
    """Return the message without any of the secrets."""
    title, text = message.title, message.text
    for secret in secrets:
        if len(secret) >= 4:
            title, text = title.replace(secret, "***"), text.replace(secret, "***")
    return Message(message.severity, message.kinds, title, text)
