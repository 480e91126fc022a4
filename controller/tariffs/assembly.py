"""From the config section [tariff] to prices that follow the day: what daemon and command line use."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, time
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.clock import Clock
from controller.credentials import TokenSource
from controller.errors import ConfigError, TariffError, TariffRefused
from controller.horizon import PriceSlot
from controller.model import Prices
from controller.settings import Settings
from controller.settings.tariffs import MarketSettings, TariffSettings
from controller.tariffs.areas import AREAS, MOST_CT
from controller.tariffs.awattar import Awattar
from controller.tariffs.book import PriceBook
from controller.tariffs.energi_data import EnergiData
from controller.tariffs.energy_charts import ANSWER_S as SLOW_ANSWER_S
from controller.tariffs.energy_charts import EnergyCharts, Intensity
from controller.tariffs.entsoe import Entsoe
from controller.tariffs.feed import Feed, Note
from controller.tariffs.market import Market
from controller.tariffs.nord_pool import NordPool
from controller.tariffs.octopus import LONDON, Octopus
from controller.tariffs.pace import Rhythm
from controller.tariffs.public_holidays import Holidays
from controller.tariffs.quotes import QUARTER_S, Quote
from controller.tariffs.rules import Rules
from controller.tariffs.store import PriceFile
from controller.tariffs.stromligning import Stromligning
from controller.tariffs.tibber import Tibber
from controller.tariffs.web import ANSWER_S, CET, Source, Token, Web
from controller.tariffs.zones import Zones

log = logging.getLogger(__name__)
BASE_URLS = {
    "awattar": "https://api.awattar.{country}",
    "co2": "https://api.energy-charts.info",
    "energi_data": "https://api.energidataservice.dk",
    "energy_charts": "https://api.energy-charts.info",
    "entsoe": "https://web-api.tp.entsoe.eu",
    "nord_pool": "https://dataportal-api.nordpoolgroup.com",
    "octopus": "https://api.octopus.energy",
    "stromligning": "https://stromligning.dk",
    "tibber": "https://api.tibber.com",
}
FOLDER = "prices"
TOKEN_CREDENTIAL = "tariff_token"  # noqa: S105 - the credential's name, not a token
CREDENTIAL_ADVICE = (
    "[tariff.market] token_file is missing and there is no systemd credential tariff_token. Remedy: write "
    "the token to a file of its own, mode 0600, and name it there. The service: see systemd/tariff-token.conf"
)
CO2_IDLE_S = 3 * 3600.0
HOLIDAYS_AGAIN_S = 3600.0


class Tariffs:
    """The prices of the house, now and ahead, and the sources behind them."""

    def __init__(
        self,
        fixed: Prices,
        book: PriceBook,
        market: Market | None,
        co2: Feed | None,
        holidays: Holidays | None,
        clock: Clock,
        note: Note,
        tokens: set[str],
    ) -> None:
        self.book, self.market, self.co2 = book, market, co2
        self._fixed, self._holidays, self._clock, self._note = fixed, holidays, clock, note
        self._tokens = tokens
        self._absent = ""
        self._guess: tuple[float, PriceSlot | None] | None = None
        self._holidays_s = 0.0

    @property
    def feeds(self) -> list[Feed]:
        """Return every source that is asked."""
        found = [] if self.market is None else self.market.feeds
        return found if self.co2 is None else [*found, self.co2]

    @property
    def counts_holidays(self) -> bool:
        """Return whether public holidays matter, so that `step` has something to do at the turn of a year."""
        return self._holidays is not None

    def secrets(self) -> list[str]:
        """Return every token that was read so far, to keep them out of the log."""
        return list(self._tokens)

    def now(self) -> Prices:
        """Return what things cost now: by the book, else an estimate of this quarter, else the fixed prices.

        A price that has ended is none: what stands in for it is said, once each time.
        """
        now_s = self._clock.wall().timestamp()
        slot = self.book.at(now_s)
        if slot is None:
            slot = self._guessed(now_s)
        else:
            self._guess = None
        self._say_absent(slot)
        if slot is None:
            return self._fixed
        return replace(
            self._fixed, import_ct_per_kwh=slot.import_ct_per_kwh, export_ct_per_kwh=slot.export_ct_per_kwh
        )

    def _guessed(self, now_s: float) -> PriceSlot | None:
        """Return the estimate for now; made once a quarter of an hour."""
        if self._guess is None or not self._guess[0] <= now_s < self._guess[0] + QUARTER_S:
            guess = self.book.likely(now_s)
            found = None if guess is None else replace(guess, estimated=True)
            self._guess = (now_s // QUARTER_S * QUARTER_S, found)
        return self._guess[1]

    def _say_absent(self, slot: PriceSlot | None) -> None:
        if slot is None:
            state = f"the {self._fixed.import_ct_per_kwh:g} ct/kWh of [prices] counts"
        else:
            state = "an estimate from the days before counts" if slot.estimated and self._guess else ""
        if state == self._absent:
            return
        self._absent = state
        if state:
            text = f"no price is known for now; {state}"
            log.warning("event=price_absent %s", text)
        else:
            text = "prices are known again"
            log.info("event=price_known")
        self._note("tariff", "warning" if state else "info", text)

    def stamp(self) -> tuple[float | None, ...]:
        """Return a value that is another one whenever prices were fetched; for who plans with them."""
        return tuple(feed.stored.fetched_s for feed in self.feeds)

    async def step(self) -> None:
        """Ask the sources whose time has come; to be called about twice a minute."""
        if self._holidays is not None:
            await self._turn_of_the_year(self._holidays)
        if self.market is not None:
            await self.market.step()
        if self.co2 is not None:
            await self.co2.step()

    async def _turn_of_the_year(self, holidays: Holidays) -> None:
        year = self._clock.wall().year
        missing = [y for y in (year, year + 1) if not holidays.knows(y)]
        now_s = self._clock.monotonic()
        if missing and now_s >= self._holidays_s:
            self._holidays_s = now_s + HOLIDAYS_AGAIN_S
            try:
                await asyncio.to_thread(holidays.learn, missing)
            except (ConfigError, TariffError) as error:
                log.warning("event=holidays %s", error)

    async def close(self) -> None:
        """Drop all connections."""
        for feed in self.feeds:
            await feed.close()


def open_tariffs(
    settings: Settings,
    clock: Clock,
    note: Note,
    *,
    rng: random.Random | None = None,
    base_urls: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Tariffs:
    """Return the prices the config describes; nothing is asked yet.

    `base_urls` and `timeout_s` stand in for the real ones. Raises ConfigError, also for a missing token.
    """
    tariff = settings.tariff
    zone = ZoneInfo(settings.site.timezone)
    folder = Path(settings.ledger.path).parent / FOLDER
    fixed = settings.prices.prices()
    holidays = _holidays(tariff, folder, clock, note)
    is_holiday: Callable[[date], bool] = holidays if holidays is not None else lambda day: False
    tokens: set[str] = set()
    workshop = _Workshop(folder, clock, note, rng or random.Random(), base_urls or {}, timeout_s, tokens)  # noqa: S311
    market = None
    if tariff is not None and tariff.market is not None:
        market = workshop.market(tariff.market)
    co2 = None
    if tariff is not None and tariff.co2_country is not None:
        co2 = workshop.co2(tariff.co2_country)

    def quotes() -> tuple[Quote, ...]:
        return market.quotes() if market is not None else ()

    def intensity() -> tuple[Quote, ...]:
        return co2.quotes if co2 is not None else ()

    rules = _rules(tariff or TariffSettings.model_validate({}), fixed, zone, is_holiday)
    book = PriceBook(rules, quotes, intensity, zone, is_holiday)
    return Tariffs(fixed, book, market, co2, holidays, clock, note, tokens)


def _holidays(tariff: TariffSettings | None, folder: Path, clock: Clock, note: Note) -> Holidays | None:
    if tariff is None or tariff.country is None:
        return None
    year = clock.wall().year
    holidays = Holidays(tariff.country, tariff.state, folder / "holidays.json")
    try:
        holidays.learn([year, year + 1])
    except TariffError as error:  # no mistake of the config: it is tried again while running
        note("tariff", "warning", str(error))
    return holidays


def _rules(
    tariff: TariffSettings, fixed: Prices, zone: ZoneInfo, is_holiday: Callable[[date], bool]
) -> Rules:
    energy = None
    if tariff.import_price != "market":
        outside_ct = tariff.energy_ct_per_kwh
        outside_ct = fixed.import_ct_per_kwh if outside_ct is None else outside_ct
        energy = Zones([z.window() for z in tariff.zones], outside_ct, zone, is_holiday)
    grid_fees = [z.window() for z in tariff.grid_fees]
    return Rules(
        energy=energy,
        grid_fee=Zones(grid_fees, tariff.grid_fee_ct_per_kwh, zone, is_holiday),
        all_in=tariff.makeup == "all_in",
        markup=tariff.markup,
        supplier_ct=tariff.supplier_ct_per_kwh,
        levies_ct=tariff.levies_ct_per_kwh,
        vat=tariff.vat,
        feed_in=tariff.feed_in,
        feed_in_ct=fixed.export_ct_per_kwh,
        feed_in_fee_ct=tariff.feed_in_fee_ct_per_kwh,
    )


class _Workshop:
    """Builds sources and their feeds."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        note: Note,
        rng: random.Random,
        base_urls: Mapping[str, str],
        timeout_s: float | None,
        tokens: set[str],
    ) -> None:
        self._folder, self._clock, self._note, self._rng = folder, clock, note, rng
        self._base_urls, self._timeout_s, self._tokens = base_urls, timeout_s, tokens

    def market(self, settings: MarketSettings) -> Market:
        """Return the sources of the section [tariff.market]."""
        primary = self._feed(self._source(settings, settings.source, settings.base_url))
        secondary = None
        if settings.secondary is not None:
            secondary = self._feed(self._source(settings, settings.secondary, None))
        return Market(primary, secondary, self._clock, self._note)

    def co2(self, country: str) -> Feed:
        """Return the CO2 intensity of a country."""
        web = self._web("co2", None, None, SLOW_ANSWER_S)
        return self._feed(Intensity(country, web), Rhythm(CET, None, CO2_IDLE_S))

    def _feed(self, source: Source, rhythm: Rhythm | None = None) -> Feed:
        if rhythm is None:
            rhythm = Rhythm(LONDON, time(16, 5)) if source.name == "octopus" else Rhythm(CET)
        file = PriceFile(self._folder / f"{source.name}.json", source.identity)
        return Feed(source, file, rhythm, self._clock, self._note, self._rng)

    def _source(self, settings: MarketSettings, name: str, base_url: str | None) -> Source:
        most_ct, unit = MOST_CT[settings.unit], settings.unit
        area = AREAS.get(settings.bidding_zone)
        token = self._token(settings) if name in ("entsoe", "tibber") else None
        web = self._web(name, base_url, token, SLOW_ANSWER_S if name == "energy_charts" else ANSWER_S, area)
        if name == "tibber":
            return Tibber(settings.home_id, unit, most_ct, web)
        if name == "octopus":
            return Octopus(settings.product or "", settings.region or "", settings.payment, most_ct, web)
        if name == "stromligning":
            return Stromligning(
                settings.area or "", settings.supplier or "", settings.product or "", most_ct, web
            )
        assert area is not None  # the config was checked
        if name == "awattar":
            return Awattar(area.awattar or "", most_ct, web)
        if name == "energy_charts":
            return EnergyCharts(area.energy_charts or "", most_ct, web)
        if name == "entsoe":
            return Entsoe(area.eic, unit, most_ct, web)
        if name == "nord_pool":
            return NordPool(area.nord_pool or "", unit, most_ct, web)
        return EnergiData(area.energi_data or "", unit, most_ct, web)

    def _web(
        self, name: str, base_url: str | None, token: Token | None, answer_s: float, area: object = None
    ) -> Web:
        country = getattr(area, "awattar", None) or "de"
        usual = self._base_urls.get(name) or BASE_URLS[name].format(country=country)
        return Web(base_url or usual, timeout_s=self._timeout_s or answer_s, token=token)

    def _token(self, settings: MarketSettings) -> Token:
        source = TokenSource(settings, credential=TOKEN_CREDENTIAL, advice=CREDENTIAL_ADVICE)

        def token() -> str:
            try:
                found = source()
            except ConfigError as error:  # it was there at the start: no reason to stop charging
                raise TariffRefused(str(error)) from None
            self._tokens.add(found)
            return found

        self._tokens.add(source())  # a missing one is said at the start
        return token
