"""What the sources of prices share: one bounded client each, statuses as errors, bodies as shapes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.errors import (
    TariffBusy,
    TariffImplausible,
    TariffRefused,
    TariffUnreachable,
)
from controller.fetch import Answer, Fetcher
from controller.tariffs.quotes import Quote

MAX_BODY_BYTES = 1024 * 1024
CONNECT_S = 10.0
ANSWER_S = 30.0
CET = ZoneInfo("Europe/Berlin")
"""The clock of the European day-ahead auction, whatever the bidding zone."""

Token = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Haul:
    """What one visit to a source brought: quotes, checked, and the bodies they came in."""

    quotes: tuple[Quote, ...]
    raw: tuple[bytes, ...]


class Source(Protocol):
    """One service. `identity` names all that its prices depend on; another identity means other prices."""

    name: str
    identity: str

    async def fetch(self, begin_s: float, now_s: float) -> Haul:
        """Return what is published from `begin_s` on. Raises TariffError."""
        ...

    async def close(self) -> None:
        """Drop the connection."""
        ...


class Shape(BaseModel):
    """The part of an answer that is used; what else is in it is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


Stamp = Annotated[int, Field(ge=0, le=10**14)]
"""An instant as a whole number of s or ms since 1970; what is beyond the year 5000 is none."""

M = TypeVar("M", bound=Shape)


def shaped(model: type[M], body: bytes) -> M:
    """Return the body as a shape. Raises TariffImplausible that says where it does not fit."""
    if body.lstrip()[:1] == b"<":
        raise TariffImplausible("a web page came instead of prices")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise TariffImplausible(f"the answer has another shape: {place} {first['msg']}".strip()) from None


class Web:
    """The door to one service. `secret` is taken out of everything that is said."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = ANSWER_S,
        ca_file: str | None = None,
        token: Token | None = None,
    ) -> None:
        self._fetcher = Fetcher(
            base_url,
            timeout_s=timeout_s,
            failure=TariffUnreachable,
            max_bytes=MAX_BODY_BYTES,
            ca_file=ca_file,
            connect_s=CONNECT_S,
        )
        self.token = token

    async def get(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the body of a good answer, empty for 204. Raises TariffError."""
        return self.good(await self.ask(path, params, headers))

    async def ask(
        self, path: str, params: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return any answer to a GET. Raises TariffUnreachable."""
        return await self._fetcher.get(path, params, {"Accept": "application/json", **(headers or {})})

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return any answer to a POST. Raises TariffUnreachable."""
        return await self._fetcher.post(path, body, {"Content-Type": "application/json", **headers})

    def good(self, answer: Answer) -> bytes:
        """Return the body of an answer with a good status. Raises TariffError by the status."""
        status = answer.status
        if status == 204:
            return b""
        if 200 <= status < 300:
            return answer.body
        if status == 429 or (status == 503 and "retry-after" in answer.headers):
            raise TariffBusy(f"asked to wait ({status})", retry_after_s=pause_s(answer.headers))
        if status in (401, 403):
            raise TariffRefused(f"not allowed in ({status}). Remedy: is the token right, is it still valid?")
        if status == 408 or status >= 500:
            raise TariffUnreachable(f"the service is not well ({status})")
        raise TariffRefused(f"the request was refused ({status}){self._why(answer.body)}")

    def safe(self, text: str) -> str:
        """Return what a service says, short, in one line, and without the token."""
        if self.token is not None:
            text = text.replace(self.token(), "***")
        return re.sub(r"[^\x20-\x7e]+", " ", text)[:120].strip()

    def _why(self, body: bytes) -> str:
        said = self.safe(body[:400].decode("utf-8", "replace"))
        return f": {said}" if said and not said.startswith("<") else ""

    async def close(self) -> None:
        """Drop the connection."""
        await self._fetcher.close()


def pause_s(headers: Mapping[str, str]) -> float | None:
    """Return how long a service wants to be left alone, in s; None if it does not say.

    `Retry-After` in seconds or as a date, `X-Ratelimit-Retry-At` as a date (RFC 9110; ISO in the second).
    """
    after = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", after):
        return float(after)
    for text, read in (
        (after, parsedate_to_datetime),
        (headers.get("x-ratelimit-retry-at", "").strip(), datetime.fromisoformat),
    ):
        if text:
            try:
                until = read(text)
            except ValueError:
                continue
            aware = until if until.tzinfo else until.replace(tzinfo=UTC)
            return max((aware - datetime.now(UTC)).total_seconds(), 0.0)
    return None


def day_after(begin_s: float, zone: ZoneInfo, days: int) -> datetime:
    """Return the local midnight some days after the local day of an instant."""
    local = datetime.fromtimestamp(begin_s, zone).date()
    return datetime.combine(datetime.fromordinal(local.toordinal() + days), datetime.min.time(), zone)
