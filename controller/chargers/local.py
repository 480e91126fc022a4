"""The go-e box in the own network: the same keys, live data, and real answers to writes."""

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
from controller.errors import ChargerRefused, ChargerUnreachable
from controller.fetch import Answer, Fetcher
from controller.model import ChargerStatus, OutcomeKind, Settings, WriteOutcome


class LocalTransport:
    """One charger over its local HTTP API v2 (enabled in the go-e app)."""

    name = "local"

    def __init__(self, serial: str, host: str, *, clock: Clock, timeout_s: float = 5.0) -> None:
        self._serial = serial.zfill(6)
        self._clock = clock
        self._fetcher = Fetcher(
            f"http://{host}", timeout_s=timeout_s, failure=ChargerUnreachable, max_bytes=MAX_BODY_BYTES
        )
        self._uptime_ms: int | None = None
        self._live_s: float | None = None

    async def read(self) -> ChargerStatus:
        """Read the status. Raises ChargerError."""
        answer = await self._fetcher.get("/api/status", {"filter": ",".join((*ESSENTIAL, *OPTIONAL))}, {})
        if answer.status == 404:
            raise ChargerRefused("the local API is off (404). Remedy: enable HTTP API v2 in the go-e app")
        if answer.status not in (200, 400):
            raise ChargerUnreachable(f"the box failed ({answer.status})")
        document = parse_body(answer.body)
        if not set(ESSENTIAL) & set(document):
            raise ChargerUnreachable("the answer holds none of the charger's keys")
        serial = document.get("sse")
        if isinstance(serial, str) and serial.zfill(6) != self._serial:
            raise ChargerUnreachable("the answer is from another charger")
        now_s = self._clock.monotonic()
        status = parse_status(document, data_s=now_s, received_s=now_s)
        if status.uptime_ms is not None and status.uptime_ms == self._uptime_ms and self._live_s is not None:
            # The box's own clock stands still: so does everything it says.
            return parse_status(document, data_s=self._live_s, received_s=now_s)
        self._uptime_ms, self._live_s = status.uptime_ms, now_s
        return status

    async def write(self, settings: Settings) -> WriteOutcome:
        """Send one request. Returns the box's own answer; never raises."""
        params = parameters(settings)
        try:
            return _outcome(await self._fetcher.get("/api/set", params, {}))
        except ChargerUnreachable as error:
            return WriteOutcome(OutcomeKind.UNKNOWN, str(error))

    async def close(self) -> None:
        """Release connections."""
        await self._fetcher.close()


def _outcome(answer: Answer) -> WriteOutcome:
    """Return what the box says: every key true, or the texts of those that failed."""
    try:
        document = parse_body(answer.body)
    except ChargerUnreachable:
        document = {}
    texts = [f"{safe_text(k, 8)}: {safe_text(v)}" for k, v in document.items() if isinstance(v, str)]
    if texts:
        return WriteOutcome(OutcomeKind.REFUSED, "; ".join(texts))
    if answer.status == 200:
        return WriteOutcome(OutcomeKind.ACCEPTED, "status 200")
    kind = OutcomeKind.UNKNOWN if answer.status >= 500 else OutcomeKind.REFUSED
    return WriteOutcome(kind, f"status {answer.status}")
