"""A market on loopback and a house that asks it, on a clock that is moved by hand."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from zoneinfo import ZoneInfo

from controller.clock import SimClock
from controller.settings import Settings
from controller.tariffs.assembly import Tariffs, open_tariffs
from tests.tariffs.server import Asked, PriceServer, Reply
from tests.tariffs.speakers import TOKEN, Slot, day_slots, energy_charts

BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str) -> datetime:
    """Return a local time of Berlin."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def published(now: datetime, days_back: int = 0) -> list[Slot]:
    """Return what the market has published: today, and tomorrow from 13:00 on; made-up prices of each day."""
    today = now.astimezone(BERLIN).date()
    last = 1 if now.astimezone(BERLIN).hour >= 13 else 0
    days = [today + timedelta(days=d) for d in range(-days_back, last + 1)]
    return [s for day in days for s in day_slots(day.isoformat(), base_ct=5.0 + day.day / 10)]


def midnight(day: str) -> float:
    """Return the first instant of a day of Berlin."""
    return datetime.combine(datetime.fromisoformat(day).date(), time(), BERLIN).timestamp()


class World:
    """A house with a clock, and a market of energy-charts' shape; `fault` replaces its answers."""

    def __init__(self, folder: Path, start: str, tariff: Mapping[str, object]) -> None:
        self.folder, self.tariff = folder, dict(tariff)
        self.clock = SimClock(local(start))
        self.fault: Callable[[Asked], Reply] | None = None
        self.slots: Callable[[datetime], Sequence[Slot]] = published
        self.server = PriceServer(self._answer)
        self.second: PriceServer | None = None
        self.notes: list[tuple[str, str]] = []
        self.tariffs: Tariffs

    async def __aenter__(self) -> "World":
        await self.server.__aenter__()
        self.start()
        return self

    async def __aexit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.tariffs.close()
        await self.server.__aexit__(*error)

    def start(self) -> None:
        """Start the house anew, as after a restart of the service."""
        token = self.folder / "token"
        if not token.exists():
            token.write_text(TOKEN)
            token.chmod(0o600)
        settings = Settings.model_validate(
            {
                "grid": {"profile": "eastron-sdm630", "host": "192.0.2.1"},
                "charger": {"serial": "1"},
                "tariff": self.tariff,
                "ledger": {"path": str(self.folder / "ledger.db")},
            }
        )
        urls = dict.fromkeys(("energy_charts", "co2"), self.server.url)
        if self.second is not None:
            urls["awattar"] = self.second.url
        self.tariffs = open_tariffs(
            settings, self.clock, self._note, rng=random.Random(7), base_urls=urls, timeout_s=2.0
        )

    async def live(self, hours: float, step_s: float = 300.0) -> None:
        """Let time pass, looking every `step_s` as the service does twice a minute."""
        for _ in range(round(hours * 3600 / step_s)):
            await self.tariffs.step()
            self.clock.advance(step_s)

    @property
    def now(self) -> datetime:
        return self.clock.wall().astimezone(BERLIN)

    @property
    def now_s(self) -> float:
        return self.clock.wall().timestamp()

    def _note(self, _kind: str, severity: str, text: str) -> None:
        self.notes.append((severity, text))

    def said(self, severity: str) -> list[str]:
        """Return the events of a severity."""
        return [text for found, text in self.notes if found == severity]

    def _answer(self, asked: Asked) -> Reply:
        if self.fault is not None:
            return self.fault(asked)
        begin_s, end_s = float(asked.params.get("start", 0)), float(asked.params.get("end", 9e9))
        slots = self.slots(self.clock.wall().astimezone(UTC))
        return Reply(energy_charts([s for s in slots if begin_s <= s.begin_s <= end_s]))
