"""What is asked and answered, without any socket: who may, what is understood, what is told.

Theory of operation. A request passes these doors in order: the name it was sent to (not one that a stranger
may have pointed here), the token, the path, the method, the sender (a browser says which page asks; none has
business here), the content. The first closed door answers. Of a request only what was understood is logged.
"""

import hmac
import ipaddress
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controller.errors import ConfigError

PUSHES_PER_MINUTE = 10
"""More words about one number are a loop that went wild (chosen; programs push every few minutes)."""

JSON = "application/json"
ROUTES = {"/api/car/soc": "POST", "/api/status": "GET"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived: header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: a status of HTTP, a JSON object, and headers beside the usual ones."""

    status: int
    document: Mapping[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


class SocPush(BaseModel):
    """The content of a pushed state of charge."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    soc_pct: float = Field(ge=0, le=100)
    car: str | None = Field(None, max_length=32)


Tell = Callable[[str, float], Awaitable[bool]]
"""Takes a car's name and its percent; returns whether it is on record."""


class Answers:
    """Answers requests: `status` says what goes on, None before the first decision; `tell` keeps a push."""

    def __init__(
        self,
        cars: Sequence[str],
        status: Callable[[], Mapping[str, Any] | None],
        tell: Tell,
        *,
        token: Callable[[], str] | None,
        now_s: Callable[[], float],
    ) -> None:
        self._cars, self._status, self._tell = tuple(cars), status, tell
        self._token, self._now_s = token, now_s
        self._pushed_s: deque[float] = deque(maxlen=PUSHES_PER_MINUTE)

    async def __call__(self, request: Request) -> Answer:
        """Return the answer; never raises for anything a request may hold."""
        closed = self._closed(request)
        if closed is not None:
            return closed
        if request.target == "/api/status":
            document = self._status()
            return error(503, "nothing has been decided yet") if document is None else Answer(200, document)
        return await self._take_soc(request)

    def _closed(self, request: Request) -> Answer | None:
        """Return the answer of the first door that is closed."""
        if not own_name(request.headers.get("host", "")):
            return error(421, "ask by address, by localhost or by a name of the local network")
        if (refused := self._unknown_caller(request)) is not None:
            return refused
        if "?" in request.target:
            return error(400, "nothing is read from the address behind a question mark")
        allowed = ROUTES.get(request.target)
        if allowed is None:
            known = ", ".join(f"{method} {path}" for path, method in ROUTES.items())
            return error(404, f"there are: {known}")
        if request.method != allowed:
            return error(405, f"accepted: {allowed}", ("Allow", allowed))
        if "origin" in request.headers:
            return error(403, "web pages have no business here")
        return None

    def _unknown_caller(self, request: Request) -> Answer | None:
        if self._token is None:
            return None
        try:
            token = self._token()
        except ConfigError:
            return error(503, "the token of this interface cannot be read; the log of ampilot says more")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), token.encode())
        if scheme.lower() == "bearer" and same:
            return None
        return error(
            401, "the header Authorization: Bearer TOKEN is missing or wrong", ("WWW-Authenticate", "Bearer")
        )

    async def _take_soc(self, request: Request) -> Answer:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != JSON:
            return error(415, f"accepted: Content-Type: {JSON}")
        try:
            push = SocPush.model_validate_json(request.body)
        except ValidationError as problem:
            return error(400, _advice(problem))
        if push.car is not None and push.car not in self._cars:
            known = (
                f"the config names {', '.join(self._cars)}" if self._cars else "the config names no [[car]]"
            )
            return error(400, f"car: not known; {known}")
        now_s = self._now_s()
        if len(self._pushed_s) == PUSHES_PER_MINUTE and now_s - self._pushed_s[0] < 60.0:
            return error(429, f"accepted: {PUSHES_PER_MINUTE} a minute", ("Retry-After", "60"))
        self._pushed_s.append(now_s)
        car = push.car or (self._cars[0] if len(self._cars) == 1 else "")
        if not await self._tell(car, push.soc_pct):
            return error(503, "the disk refuses; say it again later")
        return Answer(200, {"understood": {"car": car or None, "soc_pct": push.soc_pct}})


def error(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Return a refusal that says why."""
    return Answer(status, {"error": text}, headers)


def own_name(host: str) -> bool:
    """Return whether a Host header can only mean this machine: what public name servers cannot point here.

    An address, localhost, a name of one word, or one under `.local` (RFC 6762).
    """
    name = re.sub(r":[0-9]{1,5}$", "", host.strip().lower())
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    try:
        ipaddress.ip_address(name)
        return True
    except ValueError:
        return re.fullmatch(r"[a-z0-9-]{1,63}(\.local)?\.?", name) is not None


def _advice(problem: ValidationError) -> str:
    """Return what is wrong with a content, key by key, without repeating it."""
    found = []
    for item in problem.errors(include_input=False, include_url=False)[:3]:
        key = str(item["loc"][0]) if item["loc"] else ""
        said = "is not a key" if item["type"] == "extra_forbidden" else item["msg"]
        found.append(f"{key}: {said}" if key in SocPush.model_fields else said)
    return (
        f'{"; ".join(found)}. Accepted: {{"soc_pct": 62, "car": "Zoe"}}, the car only where there are several'
    )
