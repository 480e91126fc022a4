"""Logs for the journal: severities systemd understands, no secrets, no forged lines, no floods."""

import logging
import sys
import time
from collections.abc import Callable, Mapping

_PRIORITY = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
_REPEAT_S = (60.0, 600.0, 3600.0)
QUIET = ("httpx", "httpcore", "pymodbus", "apscheduler", "asyncio")


class JournalFormatter(logging.Formatter):
    """One printable line per record; with a `<N>` severity under systemd."""

    def __init__(self, *, journal: bool, secrets: Callable[[], list[str]]) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s %(levelname)s %(message)s")
        self._journal, self._secrets = journal, secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, secrets replaced and control characters made visible."""
        text = super().format(record)
        for secret in self._secrets():
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        text = "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
        return f"<{_PRIORITY.get(record.levelno, 6)}>{text}" if self._journal else text


def set_up(level: str, env: Mapping[str, str], secrets: Callable[[], list[str]]) -> None:
    """Log to stderr from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JournalFormatter(journal="JOURNAL_STREAM" in env, secrets=secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class Faults:
    """Says a repeating fault at once, after 1, 10 and 60 minutes, then hourly, and when it is over."""

    def __init__(self, log: logging.Logger, now_s: Callable[[], float] = time.monotonic) -> None:
        self._log, self._now_s = log, now_s
        self._since: dict[str, tuple[float, float, int]] = {}

    def report(self, kind: str, text: str) -> bool:
        """Report a fault; return whether it was said this time."""
        now_s = self._now_s()
        if kind not in self._since:
            self._since[kind] = (now_s, now_s + _REPEAT_S[0], 1)
            self._log.warning("event=%s_fault %s", kind, text)
            return True
        since_s, next_s, said = self._since[kind]
        if now_s < next_s:
            return False
        pause_s = _REPEAT_S[min(said, len(_REPEAT_S) - 1)]
        self._since[kind] = (since_s, now_s + pause_s, said + 1)
        self._log.warning("event=%s_fault for=%.0fs %s", kind, now_s - since_s, text)
        return True

    def over(self, kind: str) -> float | None:
        """Say that a fault is over; return how long it lasted in s, None if there was none."""
        known = self._since.pop(kind, None)
        if known is None:
            return None
        lasted_s = self._now_s() - known[0]
        self._log.info("event=%s_recovered after=%.0fs", kind, lasted_s)
        return lasted_s
