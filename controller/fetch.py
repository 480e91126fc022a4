"""The only module that speaks HTTP to the outside: one request at a time, bounded in size and time.

No proxies from the environment, no redirects, no compression, no environment certificates. A per-read timeout
does not bound a dripping server, so the whole call has one deadline.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import certifi
import httpx

from controller.errors import AmpilotError

for _noisy in ("httpx", "httpcore"):
    logging.getLogger(_noisy).setLevel(logging.WARNING)  # at INFO they log whole URLs

KEEPALIVE_S = 60.0


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Return what a server must prove: TLS 1.2 or newer, its name, and a chain to a known authority.

    Trusted are the authorities of certifi, or those of `ca_file` alone; nothing from the environment. Raises
    OSError where `ca_file` cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca_file or certifi.where())
    return context


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, headers in lower case, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetcher:
    """Requests to one origin. What fails is raised as `failure`, its text without headers and URLs."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float,
        failure: type[AmpilotError],
        max_bytes: int,
        ca_file: str | None = None,
        connect_s: float | None = None,
    ) -> None:
        """Bound a whole request by `timeout_s`, and within it the time until connected by `connect_s`."""
        self._base_url = base_url.rstrip("/")
        self._connect_s = timeout_s if connect_s is None else min(connect_s, timeout_s)
        self._timeout_s, self._failure, self._max_bytes = timeout_s, failure, max_bytes
        secure = base_url.startswith("https")
        # Without https no certificate is ever looked at: one that trusts nobody spares loading them all.
        self._tls = tls_context(ca_file) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._lock = asyncio.Lock()
        self._client: httpx.AsyncClient | None = None

    async def get(self, path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Return the answer to a GET. Raises the failure of this origin."""
        return await self._bounded("GET", path, params, headers, None)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a POST. Raises the failure of this origin."""
        return await self._bounded("POST", path, {}, headers, body)

    async def _bounded(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._lock:
                    return await self._ask(method, path, params, headers, body)
        except TimeoutError:
            await self.close()
            raise self._failure(f"no complete answer within {self._timeout_s:g} s") from None
        except httpx.PoolTimeout:
            await self.close()
            raise self._failure("the connection pool was stuck; it is built anew") from None
        except httpx.ConnectError as error:
            reason = "the certificate was not accepted" if "CERTIFICATE" in str(error) else "no connection"
            raise self._failure(reason) from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise self._failure(f"the connection failed ({type(error).__name__})") from None

    async def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Answer:
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self._base_url,
                verify=self._tls,
                timeout=httpx.Timeout(self._timeout_s, connect=self._connect_s),
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(keepalive_expiry=KEEPALIVE_S),
                headers={"Accept-Encoding": "identity", "User-Agent": "ampilot"},
            )
        asked = self._client.stream(method, path, params=dict(params), headers=dict(headers), content=content)
        async with asked as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._max_bytes:
                    raise self._failure(f"the answer is larger than {self._max_bytes // 1024} kB")
            return Answer(response.status_code, dict(response.headers), bytes(body))

    async def close(self) -> None:
        """Drop the connections; the next request opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
