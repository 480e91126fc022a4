"""The night's question: what did yesterday save against simple timers?

The answer takes seconds of pure arithmetic and tens of megabytes, so a process of its own finds it, at low
priority, and ends. The controller only waits for one line, and keeps it.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import sys
from asyncio.subprocess import PIPE, Process
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.clock import Clock
from controller.ledger.ledger import Ledger
from controller.ledger.verdict_store import Verdict, VerdictStore

LONGEST_S = 600.0
MOST_BYTES = 16_384
log = logging.getLogger(__name__)


class NightlyVerdict:
    """Has yesterday replayed, once a day, and writes the verdict into the ledger."""

    def __init__(
        self, config: Path, ledger: Ledger, clock: Clock, timezone: str, *, longest_s: float = LONGEST_S
    ) -> None:
        self._config, self._verdicts, self._clock = config.absolute(), VerdictStore(ledger), clock
        self._zone, self._longest_s = ZoneInfo(timezone), longest_s
        self._busy = False

    async def judge_yesterday(self) -> None:
        """Do it unless it is done or under way. A replay that fails is logged; the next start tries again."""
        day = (self._clock.wall().astimezone(self._zone).date() - timedelta(days=1)).isoformat()
        if self._busy or self._verdicts.has(day):
            return
        self._busy = True
        try:
            async with asyncio.timeout(self._longest_s):
                answer = await self._replayed(day)
            verdict = _verdict(answer, day)
        except TimeoutError:
            log.warning("event=verdict_failed day=%s it took more than %.0f s", day, self._longest_s)
        except (OSError, ValueError) as error:
            log.warning("event=verdict_failed day=%s %s", day, error)
        else:
            if verdict is None:
                log.info("event=verdict day=%s nothing was recorded", day)
                return
            self._verdicts.record(verdict)
            log.info("event=verdict day=%s saved_ct=%.1f", day, verdict.saved_ct)
        finally:
            self._busy = False

    async def _replayed(self, day: str) -> bytes:
        """Return what the replay prints. Raises ValueError if it fails; it never outlives this call."""
        command = (
            "-P",
            "-m",
            "controller",
            "replay",
            "--verdict",
            "--to",
            day,
            "--config",
            str(self._config),
        )
        environment = {key: text for key, text in os.environ.items() if key != "NOTIFY_SOCKET"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=environment,
        )
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            answer, complaint = await asyncio.gather(_limited(process.stdout), _limited(process.stderr))
            if await process.wait() != 0:
                raise ValueError(complaint.decode(errors="replace").strip() or f"exit {process.returncode}")
            return answer
        finally:
            await _ended(process)


async def _limited(stream: asyncio.StreamReader) -> bytes:
    """Return a short output to its end. Raises ValueError if it is not short."""
    text = b""
    while part := await stream.read(MOST_BYTES):
        text += part
        if len(text) > MOST_BYTES:
            raise ValueError(f"the replay said more than {MOST_BYTES} bytes")
    return text


async def _ended(process: Process) -> None:
    """Kill the process if it still runs, and see it gone."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _verdict(answer: bytes, day: str) -> Verdict | None:
    """Return what the answer says, None if nothing was recorded. Raises ValueError if it is no verdict."""
    found = json.loads(answer)
    if found is None:
        return None
    try:
        verdict = Verdict(**found)
    except TypeError as error:
        raise ValueError(f"no verdict: {error}") from None
    if verdict.day != day or not math.isfinite(verdict.saved_ct):
        raise ValueError(f"no verdict on {day}")
    return verdict
