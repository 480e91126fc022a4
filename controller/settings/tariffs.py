"""The config section [tariff]: where prices that change over the day come from, and what is added to them."""

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from controller.settings.section import Section, is_safe_url
from controller.tariffs.areas import MARKET_SOURCES, areas_of
from controller.tariffs.zones import HOLIDAY, Window

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SourceName = Literal[
    "awattar",
    "energy_charts",
    "entsoe",
    "nord_pool",
    "energi_data",
    "tibber",
    "octopus",
    "stromligning",
]
SecondaryName = Literal["awattar", "energy_charts", "entsoe", "nord_pool", "energi_data"]
Makeup = Literal["all_in", "energy_only"]

_MAKEUPS: dict[str, tuple[Makeup, ...]] = {
    "tibber": ("all_in", "energy_only"),
    "octopus": ("all_in",),
    "stromligning": ("all_in",),
}
"""What a source offers, its default first; every other source gives the net price at the exchange."""

_CURRENCIES: dict[str, tuple[str, ...]] = {
    "awattar": ("EUR",),
    "energy_charts": ("EUR",),
    "entsoe": ("EUR", "PLN", "GBP"),
    "nord_pool": ("EUR", "DKK", "NOK", "SEK", "PLN", "GBP"),
    "energi_data": ("DKK", "EUR"),
    "tibber": ("EUR", "NOK", "SEK"),
    "octopus": ("GBP",),
    "stromligning": ("DKK",),
}
"""What a source can be asked for, its default first."""

_NEEDS: dict[str, tuple[str, ...]] = {
    "tibber": ("token_file",),
    "entsoe": ("token_file",),
    "octopus": ("product", "region"),
    "stromligning": ("area", "supplier", "product"),
}


class ZoneSettings(Section):
    """A price by the clock on the wall. What is left out holds always; the last that matches wins."""

    ct_per_kwh: float = Field(ge=-500, le=5000, description="the price while it holds")
    months: list[str] = Field(
        default_factory=list, description='e.g. ["Jan-Mar", "Oct-Dec"]; none: the whole year'
    )
    days: list[str] = Field(
        default_factory=list,
        description='e.g. ["Mon-Fri"] or ["Sat", "Sun", "Holiday"]; none: every day',
    )
    hours: list[str] = Field(
        default_factory=list,
        description='e.g. ["00:00-06:00", "22:15-24:00"] or across midnight ["22:00-06:00"], by the '
        "quarter of an hour; none: the whole day",
    )

    @field_validator("months")
    @classmethod
    def _known_months(cls, value: list[str]) -> list[str]:
        for text in value:
            span(text, MONTHS)
        return value

    @field_validator("days")
    @classmethod
    def _known_days(cls, value: list[str]) -> list[str]:
        for text in value:
            if text != "Holiday":
                span(text, DAYS)
        return value

    @field_validator("hours")
    @classmethod
    def _known_hours(cls, value: list[str]) -> list[str]:
        for text in value:
            _quarters(text)
        return value

    def window(self) -> Window:
        """Return it in the vocabulary of the tariffs."""
        months = {m + 1 for text in self.months for m in span(text, MONTHS)} or set(range(1, 13))
        named = {d for text in self.days if text != "Holiday" for d in span(text, DAYS)}
        holidays = {HOLIDAY} if "Holiday" in self.days or not self.days else set()
        days = (named | holidays) if self.days else set(range(8))
        hours = tuple(_quarters(text) for text in self.hours) or ((0, 96),)
        return Window(self.ct_per_kwh, frozenset(months), frozenset(days), hours)


class MarketSettings(Section):
    """A service that publishes prices. Its token is in token_file or the credential tariff_token."""

    source: SourceName = Field(
        description="awattar, energy_charts, entsoe, nord_pool, energi_data (net prices at the exchange), "
        "tibber, octopus or stromligning (what you pay)"
    )
    secondary: SecondaryName | None = Field(
        None, description="asked when the first one fails, and to compare tomorrow's mean with"
    )
    area: str | None = Field(
        None, description="bidding zone, e.g. DE-LU, AT, DK1; for stromligning DK1 or DK2. Default: DE-LU"
    )
    currency: str | None = Field(
        None, description="a price in ct is a hundredth of it; default: the source's, mostly EUR"
    )
    token_file: str | None = Field(
        None, description="file that holds the token of entsoe or tibber, mode 0600; or the credential"
    )
    home_id: str | None = Field(
        None, pattern=r"^[0-9A-Za-z-]{1,64}$", description="tibber: which home; default: the first one"
    )
    product: str | None = Field(
        None, pattern=r"^[0-9A-Za-z_-]{1,64}$", description="octopus, stromligning: your product's code"
    )
    region: str | None = Field(None, pattern=r"^[A-P]$", description="octopus: letter of your region")
    payment: str | None = Field(
        None,
        pattern=r"^[A-Z_]{1,32}$",
        description="octopus: DIRECT_DEBIT or NON_DIRECT_DEBIT, where prices differ by it",
    )
    supplier: str | None = Field(
        None, pattern=r"^[0-9A-Za-z_-]{1,64}$", description="stromligning: code of your grid company"
    )
    base_url: str | None = Field(None, description="another address of the source: https, or http here")

    @field_validator("base_url")
    @classmethod
    def _safe_url(cls, value: str | None) -> str | None:
        if value is None or is_safe_url(value):
            return value
        raise ValueError("accepted: https://..., or http:// on this machine only; a token may travel there")

    @model_validator(mode="after")
    def _complete(self) -> "MarketSettings":
        for key in _NEEDS.get(self.source, ()):
            if getattr(self, key) is None and key != "token_file":  # which may be a credential
                raise ValueError(f'source "{self.source}" needs {key}')
        if self.secondary is not None:
            self._comparable(self.secondary)
        for name in (self.source, self.secondary):
            if name in MARKET_SOURCES and self.bidding_zone not in areas_of(name):
                known = ", ".join(areas_of(name))
                raise ValueError(f'area "{self.bidding_zone}" is not known for {name}; known: {known}')
            if name is not None and self.unit not in _CURRENCIES[name]:
                raise ValueError(f"{name} has prices in {' or '.join(_CURRENCIES[name])}, not {self.unit}")
        if self.source == "stromligning" and self.area not in ("DK1", "DK2"):
            raise ValueError("stromligning knows the areas DK1 and DK2")
        return self

    def _comparable(self, secondary: str) -> None:
        if secondary == self.source:
            raise ValueError("secondary is the same as source; another one helps when this one fails")
        if self.source not in MARKET_SOURCES:
            raise ValueError(f"{self.source} says what you pay; no other source can stand in for it")

    @property
    def bidding_zone(self) -> str:
        """Return the area, DE-LU if none is named."""
        return self.area or "DE-LU"

    @property
    def unit(self) -> str:
        """Return the currency of the prices."""
        return self.currency or _CURRENCIES[self.source][0]

    @property
    def makeups(self) -> tuple[Makeup, ...]:
        """Return what the source's prices may be, its default first."""
        return _MAKEUPS.get(self.source, ("energy_only",))


class TariffSettings(Section):
    """Prices that change over the day. Without it [prices] holds always; with it, where nothing is known."""

    import_price: Literal["fixed", "zones", "market"] = Field(
        "fixed", description="fixed: one price; zones: by the clock; market: from a service"
    )
    prices_are: Makeup | None = Field(
        None,
        description="all_in: what you pay, nothing is added; energy_only: markup, fees, levies and vat are "
        "added. Default: all_in for fixed and zones, else as the source gives them",
    )
    energy_ct_per_kwh: float | None = Field(
        None,
        ge=-500,
        le=5000,
        description="the energy price if fixed, or outside all zones; default: [prices] import_ct_per_kwh, "
        "which is all-in",
    )
    markup: float = Field(0.0, ge=-0.5, le=1, description="supplier's share on top of the energy price: 0.03")
    supplier_ct_per_kwh: float = Field(0.0, ge=-100, le=1000, description="supplier's fee, net")
    levies_ct_per_kwh: float = Field(0.0, ge=-100, le=1000, description="taxes and levies, net")
    grid_fee_ct_per_kwh: float = Field(0.0, ge=-100, le=1000, description="grid fee outside grid_fees, net")
    vat: float = Field(0.0, ge=0, le=0.5, description="value added tax as a share: 0.19")
    feed_in: Literal["fixed", "spot", "zero_if_negative"] = Field(
        "fixed",
        description="fixed: [prices] feed_in_ct_per_kwh; spot: the price at the exchange; zero_if_negative: "
        "fixed, but nothing while the exchange is below zero",
    )
    feed_in_fee_ct_per_kwh: float = Field(
        0.0, ge=0, le=100, description='taken from the spot price if feed_in = "spot"'
    )
    country: str | None = Field(
        None, pattern=r"^[A-Z]{2}$", description="whose public holidays count, e.g. DE; none: no holidays"
    )
    state: str | None = Field(
        None, pattern=r"^[0-9A-Z-]{1,3}$", description="its part with holidays of its own, e.g. BY"
    )
    co2_country: str | None = Field(
        None,
        pattern=r"^[a-z]{2,3}$",
        description="CO2 intensity from energy-charts, e.g. de; none: not asked",
    )
    market: MarketSettings | None = Field(None, description="the service prices come from")
    zones: list[ZoneSettings] = Field(default_factory=list, description="energy prices by the clock")
    grid_fees: list[ZoneSettings] = Field(
        default_factory=list, description="grid fees by the clock, net, e.g. of §14a module 3"
    )

    @model_validator(mode="after")
    def _complete(self) -> "TariffSettings":
        if self.import_price == "market" and self.market is None:
            raise ValueError('import_price = "market" needs a table [tariff.market] with a source')
        if self.import_price == "zones" and not self.zones:
            raise ValueError('import_price = "zones" needs at least one table [[tariff.zones]]')
        if self.zones and self.import_price != "zones":
            raise ValueError(
                f'[[tariff.zones]] are given, but import_price is "{self.import_price}". Set '
                'import_price = "zones", or call them [[tariff.grid_fees]] if they are added to a price'
            )
        if self.feed_in != "fixed" and not self._has_spot:
            raise ValueError(
                f'feed_in = "{self.feed_in}" needs the price at the exchange: a table [tariff.market] with '
                f"one of {', '.join(MARKET_SOURCES)}, or tibber"
            )
        if self.state is not None and self.country is None:
            raise ValueError("state is given without country")
        if self.country is None and any("Holiday" in zone.days for zone in [*self.zones, *self.grid_fees]):
            raise ValueError('a zone holds on "Holiday", so country must say whose, e.g. country = "DE"')
        self._added_once()
        return self

    def _added_once(self) -> None:
        """Refuse to add fees to prices that hold them, and to charge energy without its price."""
        offered: tuple[Makeup, ...] = ("all_in", "energy_only")
        if self.import_price == "market" and self.market is not None:
            offered = self.market.makeups
        if self.makeup not in offered:
            raise ValueError(f'prices_are = "{self.prices_are}", but this source gives {offered[0]}')
        extras = (
            "markup",
            "supplier_ct_per_kwh",
            "levies_ct_per_kwh",
            "grid_fee_ct_per_kwh",
            "vat",
            "grid_fees",
        )
        added = [key for key in extras if getattr(self, key)]
        if self.makeup == "all_in" and added:
            raise ValueError(
                f"{' and '.join(added)} would be added to prices that are all-in already. Leave them out, or "
                'set prices_are = "energy_only" if the energy price is net'
            )
        if self.makeup == "energy_only" and self.import_price != "market" and self.energy_ct_per_kwh is None:
            raise ValueError(
                'prices_are = "energy_only" needs energy_ct_per_kwh, the net energy price outside zones'
            )

    @property
    def makeup(self) -> Makeup:
        """Return what the energy prices are."""
        if self.prices_are is not None:
            return self.prices_are
        if self.import_price == "market" and self.market is not None:
            return self.market.makeups[0]
        return "all_in"

    @property
    def _has_spot(self) -> bool:
        return self.market is not None and "energy_only" in self.market.makeups


def span(text: str, names: tuple[str, ...]) -> list[int]:
    """Return the places of one name or of a span, also across the end. Raises ValueError."""
    first, _, last = text.partition("-")
    try:
        begin, end = names.index(first), names.index(last or first)
    except ValueError:
        raise ValueError(
            f"found {text[:20]!r}; accepted: {names[0]} to {names[-1]}, or a span, {names[0]}-{names[2]}"
        ) from None
    return [place % len(names) for place in range(begin, end + 1 if end >= begin else end + 1 + len(names))]


def _quarters(text: str) -> tuple[int, int]:
    """Return a span of hours in quarters of an hour. Raises ValueError."""
    match = re.fullmatch(r"([01]\d|2[0-3]):(00|15|30|45)-(?:([01]\d|2[0-3]):(00|15|30|45)|(24:00))", text)
    if match is None:
        raise ValueError(
            f"found {text[:20]!r}; accepted: quarters of an hour such as 22:15-06:00 or 22:00-24:00"
        )
    begin = int(match[1]) * 4 + int(match[2]) // 15
    end = 96 if match[5] else int(match[3]) * 4 + int(match[4]) // 15
    if begin == end:
        raise ValueError(f"{text} begins where it ends; leave hours out for the whole day")
    return begin, end
