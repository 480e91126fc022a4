"""What the sources share: an answer's status and JSON, numbers and times in it. Raises ForecastError only."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Protocol

from controller.errors import ForecastBusy, ForecastImplausible, ForecastRefused, ForecastUnreachable
from controller.fetch import Answer as HttpAnswer
from controller.forecast.answers import Answer

MAX_BYTES = 2 * 1024 * 1024
TIMEOUT_S = 25.0
LONGEST_PAUSE_S = 86_400.0


class Source(Protocol):
    """Where forecasts of the sun come from."""

    name: str
    pause_s: float
    """Least time between two fetches."""

    async def fetch(self, now_s: float, days_back: int) -> Answer:
        """Return one answer, with so many days of the past where the source can. Raises ForecastError."""
        ...

    async def close(self) -> None:
        """Drop the connections."""
        ...


def document(answer: HttpAnswer, now_s: float) -> dict[str, Any]:
    """Return the JSON object of an answer with status 200. Raises what the status means."""
    if answer.status == 429:
        raise ForecastBusy("too many requests (429)", retry_at_s=_retry_at_s(answer, now_s))
    if answer.status == 503 and "retry-after" in answer.headers:
        raise ForecastBusy("closed for a while (503)", retry_at_s=_retry_at_s(answer, now_s))
    if 400 <= answer.status < 500:
        raise ForecastRefused(f"the request was refused ({answer.status}){_reason(answer)}")
    if answer.status != 200:
        raise ForecastUnreachable(f"the answer was {answer.status}")
    found = _json(answer.body)
    if not isinstance(found, dict):
        raise ForecastImplausible("the answer is no JSON object")
    return found


def number(value: Any) -> float | None:
    """Return a finite number, None for null. Raises ForecastImplausible for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ForecastImplausible(f"found {str(value)[:20]!r} where a number belongs")
    try:
        found = float(value)
    except OverflowError:
        raise ForecastImplausible("found a number beyond measure") from None
    if not isfinite(found):
        raise ForecastImplausible("found a number that is not finite")
    return found


def section(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a table of the answer. Raises ForecastImplausible."""
    found = parent.get(name)
    if not isinstance(found, dict):
        raise ForecastImplausible(f"the answer has no {name}")
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise ForecastImplausible("the answer is not JSON") from None


def _reason(answer: HttpAnswer) -> str:
    """Return what the source says of a refusal, short and in letters, digits and blanks only."""
    try:
        found = _json(answer.body)
    except ForecastImplausible:
        return ""
    if not isinstance(found, dict):
        return ""
    message = found.get("message")
    text = found.get("reason") or (message.get("text") if isinstance(message, dict) else message)
    if not isinstance(text, str):
        return ""
    kept = "".join(letter for letter in text if letter.isalnum() or letter in " .,-_()")
    return f": {kept[:120]}" if kept else ""


def _retry_at_s(answer: HttpAnswer, now_s: float) -> float | None:
    """Return when to ask again, at most a day ahead; from a header in seconds or as a time, or the body."""
    said: Any = answer.headers.get("x-ratelimit-retry-at") or answer.headers.get("retry-after")
    if said is None:
        try:
            body = _json(answer.body)
        except ForecastImplausible:
            return None
        message = body.get("message") if isinstance(body, dict) else None
        limit = message.get("ratelimit") if isinstance(message, dict) else None
        said = limit.get("retry-at") if isinstance(limit, dict) else None
    if not isinstance(said, str):
        return None
    if said.strip().isdecimal():
        wait_s = float(said) if len(said) < 8 else float(said[:12]) - now_s
    else:
        try:
            moment = datetime.fromisoformat(said.strip())
        except ValueError:
            return None
        wait_s = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now_s
    return now_s + min(max(wait_s, 0.0), LONGEST_PAUSE_S)
