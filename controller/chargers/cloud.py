"""The go-e cloud API: data of known age, and commands that are only ever "forwarded".

The age of the data is `Date` minus `Last-Modified` of the same answer: both are the server's clock, so ours
cannot falsify it. What cannot be dated is old.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite

from controller.chargers.goe import (
    ESSENTIAL,
    MAX_BODY_BYTES,
    OPTIONAL,
    parameters,
    parse_body,
    parse_status,
    safe_text,
)
from controller.clock import Clock
from controller.errors import (
    AuthRejected,
    ChargerError,
    ChargerOffline,
    ChargerRefused,
    ChargerUnreachable,
    ConfigError,
)
from controller.fetch import Answer, Fetcher
from controller.model import ChargerStatus, OutcomeKind, Settings, WriteOutcome

MAX_AGE_S = 30
"""What `age` asks for: the service's own default."""

UNDATED_S = 3600.0
"""Age given to data that says nothing usable about its age: stale by every limit."""

AUTH_PAUSE_S = 600.0
MAX_PAUSE_S = 60.0
MAX_RETRY_AFTER_S = 900.0
MISSING_RETRY_AFTER_S = 60.0
URGENT_RETRY_AFTER_S = 30.0


def cloud_url(serial: str) -> str:
    """Return the address of a charger's cloud API (go-e API v2 documentation)."""
    return f"https://{serial.zfill(6)}.api.v3.go-e.io"


class CloudTransport:
    """One charger over the cloud. `token` is called before each request, so a renewed one is picked up."""

    name = "cloud"

    def __init__(
        self,
        serial: str,
        token: Callable[[], str],
        *,
        clock: Clock,
        base_url: str | None = None,
        timeout_s: float = 5.0,
        ca_file: str | None = None,
    ) -> None:
        self._serial = serial.zfill(6)
        self._token = token
        self._clock = clock
        self._fetcher = Fetcher(
            base_url or cloud_url(serial),
            timeout_s=timeout_s,
            failure=ChargerUnreachable,
            max_bytes=MAX_BODY_BYTES,
            ca_file=ca_file,
        )
        self._keys = [*ESSENTIAL, *OPTIONAL]
        self._failures = 0
        self._quiet_until_s = 0.0
        self._quiet_why: ChargerError | None = None
        self._rejected_token: str | None = None
        self._paused_until_s = self._last_write_s = float("-inf")
        self._jitter = random.Random(self._serial)  # noqa: S311 - spreads load, keeps no secret

    async def read(self) -> ChargerStatus:
        """Read the status. Raises ChargerError; during a pause the reason of the pause, at once."""
        token = self._current_token()
        now_s = self._clock.monotonic()
        renewed = self._rejected_token is not None and token != self._rejected_token
        if now_s < self._quiet_until_s and self._quiet_why is not None and not renewed:
            raise self._quiet_why
        try:
            answer = await self._ask(
                "/api/status", {"filter": ",".join(self._keys), "age": str(MAX_AGE_S)}, token
            )
            self._obey(answer)
            status = self._status(answer)
        except ChargerError as error:
            self._pause(error, token)
            raise
        self._failures, self._quiet_why, self._rejected_token = 0, None, None
        return status

    async def write(self, settings: Settings) -> WriteOutcome:
        """Send one request, never twice. Returns what the cloud said of it; never raises.

        While the cloud asks for a pause there is nothing fresh to raise on, so what comes is a reduction: one
        in 30 s goes out all the same.
        """
        params = parameters(settings)
        now_s = float(self._clock.monotonic())
        if now_s < self._paused_until_s and now_s - self._last_write_s < URGENT_RETRY_AFTER_S:
            return WriteOutcome(OutcomeKind.UNKNOWN, "not sent: the cloud asked for a pause (429)")
        self._last_write_s = now_s
        try:
            answer = await self._ask("/api/set", params, self._current_token())
            self._obey(answer)
        except ChargerError as error:
            return WriteOutcome(OutcomeKind.UNKNOWN, str(error))
        return _outcome(answer)

    async def close(self) -> None:
        """Release connections."""
        await self._fetcher.close()

    def _current_token(self) -> str:
        try:
            return self._token()
        except ConfigError as error:
            raise AuthRejected(str(error)) from None

    async def _ask(self, path: str, params: dict[str, str], token: str) -> Answer:
        return await self._fetcher.get(path, params, {"Authorization": f"Bearer {token}"})

    def _status(self, answer: Answer) -> ChargerStatus:
        """Return the status of an answer, or raise what its code means."""
        received_s = self._clock.monotonic()
        if answer.status == 400:
            document = parse_body(answer.body)  # some firmware says 400 and sends what it has
            if not set(ESSENTIAL) & set(document):
                raise ChargerRefused("the cloud refused the request (400)")
            self._keys = [key for key in self._keys if key in document or key in ESSENTIAL]
        elif answer.status == 200:
            document = parse_body(answer.body)
        else:
            raise _failure(answer)
        if not set(ESSENTIAL) & set(document):
            raise ChargerUnreachable("the answer holds none of the charger's keys")
        serial = document.get("sse")
        if isinstance(serial, str) and serial.zfill(6) != self._serial:
            raise ChargerUnreachable("the answer is from another charger")
        age_s = _age_s(answer.headers.get("date"), answer.headers.get("last-modified"))
        return parse_status(document, data_s=received_s - age_s, received_s=received_s)

    def _pause(self, error: ChargerError, token: str) -> None:
        """Set how long the cloud is left in peace after a failure."""
        self._failures += 1
        now_s = self._clock.monotonic()
        pause_s = 0.0 if self._failures == 1 else min(2.0 ** (self._failures - 2), MAX_PAUSE_S)
        if isinstance(error, AuthRejected):
            pause_s, self._rejected_token = AUTH_PAUSE_S, token
        pause_s *= self._jitter.uniform(0.8, 1.2)
        self._quiet_until_s = max(self._quiet_until_s, now_s + pause_s)
        self._quiet_why = error

    def _obey(self, answer: Answer) -> None:
        """Leave the cloud in peace for as long as it asks, 15 min at most."""
        if answer.status != 429 or self._clock.monotonic() < self._paused_until_s:
            return  # a reduction sent within the pause does not make it longer
        pause_s = _retry_after_s(answer.headers.get("retry-after"), answer.headers.get("date"))
        self._paused_until_s = float(self._clock.monotonic()) + pause_s
        self._quiet_until_s = max(self._quiet_until_s, self._paused_until_s)
        self._quiet_why = ChargerUnreachable(f"the cloud asked for a pause of {pause_s:.0f} s (429)")


def _failure(answer: Answer) -> ChargerError:
    """Return the error that a status code of `/api/status` means."""
    code = answer.status
    if code == 401:
        return AuthRejected(
            "the cloud refused the token (401). Remedy: create the token in the go-e app (Internet, Advanced "
            "settings, Cloud API) and put it in its file"
        )
    if code == 403:
        return ChargerOffline("offline, or the cloud API is not enabled in the go-e app (403)")
    if code == 404:
        return ChargerOffline(
            "the cloud has no fresh data of the charger (404)", age_s=_body_age_s(answer.body)
        )
    if code == 429:
        return ChargerUnreachable("the cloud asked for a pause (429)")
    if 300 <= code < 400:
        return ChargerUnreachable(f"the answer is a redirect ({code}); it is not followed")
    if code >= 500:
        return ChargerUnreachable(f"the cloud failed ({code})")
    return ChargerRefused(f"the cloud refused the request ({code})")


def _outcome(answer: Answer) -> WriteOutcome:
    """Return what an answer to `/api/set` says; three body shapes are known, none means "done"."""
    code = answer.status
    if code >= 500 or 300 <= code < 400 or code in (404, 429):
        return WriteOutcome(OutcomeKind.UNKNOWN, f"status {code}")
    if code >= 400:
        return WriteOutcome(OutcomeKind.REFUSED, f"status {code}")
    try:
        document = parse_body(answer.body)
    except ChargerUnreachable:
        return WriteOutcome(OutcomeKind.ACCEPTED, f"status {code}")
    failed = document.get("failed")
    if isinstance(failed, list) and failed:
        return WriteOutcome(OutcomeKind.REFUSED, safe_text(failed))
    texts = [f"{safe_text(k, 8)}: {safe_text(v)}" for k, v in document.items() if isinstance(v, str)]
    if texts and "succeeded" not in document:
        return WriteOutcome(OutcomeKind.REFUSED, "; ".join(texts))
    return WriteOutcome(OutcomeKind.ACCEPTED, f"status {code}")


def _age_s(date: str | None, modified: str | None) -> float:
    """Return the age of the data by the server's own two clocks; what is missing or odd is old."""
    at, changed = _http_date(date), _http_date(modified)
    if at is None or changed is None:
        return UNDATED_S
    age_s = (at - changed).total_seconds()
    return age_s if age_s >= 0.0 else (0.0 if age_s > -2.0 else UNDATED_S)


def _http_date(text: str | None) -> datetime | None:
    """Return a moment a header tells, in UTC where it names no zone that is known; None if it tells none."""
    try:
        at = parsedate_to_datetime(text) if text else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def _body_age_s(body: bytes) -> float | None:
    try:
        age_s = parse_body(body).get("age")
    except ChargerUnreachable:
        return None
    return float(age_s) if isinstance(age_s, int | float) and 0 <= age_s < 1e9 else None


def _retry_after_s(text: str | None, date: str | None) -> float:
    """Return how long a pause is asked for, in s: a number, or a moment by the server's own clock."""
    until, at = _http_date(text), _http_date(date)
    try:
        pause_s = (until - at).total_seconds() if until is not None and at is not None else float(text or "")
    except (ValueError, TypeError):
        return MISSING_RETRY_AFTER_S
    return min(max(pause_s, 1.0), MAX_RETRY_AFTER_S) if isfinite(pause_s) else MISSING_RETRY_AFTER_S
