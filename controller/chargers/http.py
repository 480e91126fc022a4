"""The only module that speaks HTTP to a charger: one request at a time, bounded in size and time.

No proxies from the environment, no redirects, no compression, no environment certificates. A per-read timeout
does not bound a dripping server, so the whole call has one deadline.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from controller.chargers.goe import MAX_BODY_BYTES
from controller.errors import ChargerUnreachable

for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)  # at INFO they log whole URLs

KEEPALIVE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, headers in lower case, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """GET requests to one origin."""

    def __init__(self, base_url: str, *, timeout_s: float, ca_file: str | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context(cafile=ca_file) if base_url.startswith("https") else None
        self._lock = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Return the answer. Raises ChargerUnreachable; its text never holds a header or a URL."""
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._lock:
                    return await self._get(path, params, headers)
        except TimeoutError:
            await self.close()
            raise ChargerUnreachable(f"no complete answer within {self._timeout_s:g} s") from None
        except httpx.PoolTimeout:
            await self.close()
            raise ChargerUnreachable("the connection pool was stuck; it is built anew") from None
        except httpx.ConnectError as error:
            reason = "the certificate was not accepted" if "CERTIFICATE" in str(error) else "no connection"
            raise ChargerUnreachable(reason) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise ChargerUnreachable(f"the connection failed ({type(error).__name__})") from None

    async def _get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self._base_url,
                verify=self._tls if self._tls is not None else True,
                timeout=self._timeout_s,
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(keepalive_expiry=KEEPALIVE_S),
                headers={"Accept-Encoding": "identity", "User-Agent": "ampilot"},
            )
        async with self._client.stream("GET", path, params=dict(params), headers=dict(headers)) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise ChargerUnreachable("the answer is larger than any charger's")
            return Answer(response.status_code, dict(response.headers), bytes(body))

    async def close(self) -> None:
        """Drop the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
