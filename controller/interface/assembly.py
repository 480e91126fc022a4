"""The interface of one controller: opened from the config, kept listening, closed."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from controller.cars.state_of_charge import Soc
from controller.clock import Clock
from controller.credentials import TokenSource
from controller.errors import ConfigError
from controller.interface.answers import Answers
from controller.interface.server import Server
from controller.ledger.ledger import Ledger
from controller.ledger.soc_store import record_pushed
from controller.model import Charge, Decision, Quality, Send, SiteSnapshot, amps
from controller.settings import Settings
from controller.settings.interface import InterfaceSettings

log = logging.getLogger(__name__)

LISTEN_AGAIN_S = 30.0
"""An address that is not there yet, as before the network is up, is tried again this often."""

TOKEN_CHARACTERS = 16
"""Fewer can be guessed; `openssl rand -hex 16` makes 32."""

ADVICE = (
    "[interface] token_file: no token was found. Remedy: openssl rand -hex 16 into a file of its own, mode "
    "0600. The service: see systemd/interface-token.conf"
)


class Interface:
    """What listens, if the config wants it; an address that cannot be had costs the interface alone."""

    def __init__(self, server: Server | None, token: TokenSource | None, ledger: Ledger) -> None:
        self.wanted = server is not None
        self._server, self._token, self._ledger = server, token, ledger
        self._refused = ""

    def secrets(self) -> list[str]:
        """Return every token read so far: what no log may show."""
        return [] if self._token is None else self._token.seen

    async def keep_listening(self) -> None:
        """Listen, unless it does; say once why it cannot."""
        server = self._server
        if server is None or server.listening:
            return
        try:
            await server.start()
        except OSError as error:
            why = f"[interface] cannot listen at {server.host} port {server.port}: {error.strerror}"
            if why != self._refused:
                self._refused = why
                text = f"{why}. Remedy: another port or host; it is tried again"
                log.error("event=interface %s", text)
                self._ledger.record_event("interface", "warning", text)
            return
        self._refused = ""
        log.info("event=interface listening at %s port %d", server.host, server.port)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.close()


def open_interface(
    settings: Settings,
    ledger: Ledger,
    clock: Clock,
    look: Callable[[], tuple[SiteSnapshot, Decision] | None],
    car: Callable[[], str],
    soc: Callable[[], Soc | None],
) -> Interface:
    """Return the interface, not yet listening. Raises ConfigError for a token that cannot be used.

    `look` returns what was seen and decided last, `car` the name of the car, `soc` how full it is.
    """
    wanted = settings.interface
    if wanted.port is None:
        return Interface(None, None, ledger)
    token = caller_token(wanted)

    def status() -> Mapping[str, Any] | None:
        seen = look()
        return None if seen is None else status_of(*seen, car(), soc(), float(clock.monotonic()))

    async def tell(car: str, soc_pct: float) -> bool:
        wall_ms = int(clock.wall().timestamp() * 1000)
        # In a thread: a card that takes seconds for a row must not take them from a decision.
        written = await asyncio.to_thread(record_pushed, ledger, wall_ms, car, soc_pct)
        log.info("event=soc_pushed car=%r soc_pct=%g written=%s", car, soc_pct, written)
        return written

    answers = Answers(
        [car.name for car in settings.car],
        status,
        tell,
        token=token,
        now_s=lambda: float(clock.monotonic()),
    )
    return Interface(Server(wanted.host, wanted.port, answers), token, ledger)


def caller_token(wanted: InterfaceSettings) -> TokenSource | None:
    """Return what callers must show, None where nothing is asked of them. Raises ConfigError."""
    if wanted.token_file is None:
        return None
    token = TokenSource(wanted, credential="interface_token", advice=ADVICE)
    if len(token()) < TOKEN_CHARACTERS:
        raise ConfigError(
            f"[interface] token_file: the token is shorter than {TOKEN_CHARACTERS} characters. "
            "Remedy: openssl rand -hex 16"
        )
    return token


def status_of(
    snap: SiteSnapshot, decision: Decision, car: str, soc: Soc | None, now_s: float
) -> dict[str, Any]:
    """Return what goes on, for programs: units in the names, None where unknown, nothing secret."""
    action, heard = decision.action, snap.charger_quality >= Quality.AGING
    offer = decision.in_force if heard else None  # what a charger does that is not heard, nobody knows
    return {
        "age_s": round(max(now_s - snap.now_s, 0.0), 1),
        "car_connected": snap.car_connected,
        "car": car or None if snap.car_connected else None,
        "car_power_w": round(snap.car_power_w) if heard else None,
        "offered_a": None if offer is None else amps(offer),
        "offered_phases": offer.phases if isinstance(offer, Charge) else None,
        "command": str(action.command) if isinstance(action, Send) else None,
        "reason": action.reason,
        "limited_by": decision.ceiling.source,
        "grid_import_w": _whole(snap.grid_import_w) if snap.grid_quality >= Quality.AGING else None,
        "surplus_w": _whole(snap.surplus_w),
        "meter": snap.grid_quality.name.lower(),
        "charger": snap.charger_quality.name.lower(),
        "soc": None if soc is None else _soc(soc),
    }


def _soc(soc: Soc) -> dict[str, Any]:
    return {
        "soc_pct": round(soc.pct, 1),
        "age_s": round(soc.age_s),
        "source": soc.source,
        "since_wh": round(soc.since_wh),
        "room_wh": round(soc.room_wh),
    }


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
