"""Bidding zones, and what each market source calls them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Area:
    """One bidding zone: its EIC for ENTSO-E (Energy Identification Codes, ENTSO-E), its names elsewhere.

    None: that source does not have it, or nobody of this project has seen that it does.
    """

    eic: str
    energy_charts: str | None = None
    nord_pool: str | None = None
    awattar: str | None = None
    energi_data: str | None = None


AREAS: dict[str, Area] = {
    "AT": Area("10YAT-APG------L", "AT", "AT", "at"),
    "BE": Area("10YBE----------2", "BE", "BE"),
    "CH": Area("10YCH-SWISSGRIDZ", "CH"),
    "CZ": Area("10YCZ-CEPS-----N", "CZ"),
    "DE-LU": Area("10Y1001A1001A82H", "DE-LU", "GER", "de", "DE"),
    "DK1": Area("10YDK-1--------W", "DK1", "DK1", energi_data="DK1"),
    "DK2": Area("10YDK-2--------M", "DK2", "DK2", energi_data="DK2"),
    "EE": Area("10Y1001A1001A39I", "EE", "EE"),
    "ES": Area("10YES-REE------0", "ES"),
    "FI": Area("10YFI-1--------U", "FI", "FI"),
    "FR": Area("10YFR-RTE------C", "FR", "FR"),
    "HR": Area("10YHR-HEP------M"),
    "HU": Area("10YHU-MAVIR----U", "HU"),
    "LT": Area("10YLT-1001A0008Q", None, "LT"),
    "LV": Area("10YLV-1001A00074", None, "LV"),
    "NL": Area("10YNL----------L", "NL", "NL"),
    "NO1": Area("10YNO-1--------2", None, "NO1"),
    "NO2": Area("10YNO-2--------T", "NO2", "NO2", energi_data="NO2"),
    "NO3": Area("10YNO-3--------J", None, "NO3"),
    "NO4": Area("10YNO-4--------9", None, "NO4"),
    "NO5": Area("10Y1001A1001A48H", None, "NO5"),
    "PL": Area("10YPL-AREA-----S", "PL", "PL"),
    "PT": Area("10YPT-REN------W"),
    "SE1": Area("10Y1001A1001A44P", None, "SE1"),
    "SE2": Area("10Y1001A1001A45N", None, "SE2"),
    "SE3": Area("10Y1001A1001A46L", None, "SE3", energi_data="SE3"),
    "SE4": Area("10Y1001A1001A47J", "SE4", "SE4", energi_data="SE4"),
    "SI": Area("10YSI-ELES-----O", "SI"),
    "SK": Area("10YSK-SEPS-----K"),
}

MARKET_SOURCES = ("awattar", "energy_charts", "entsoe", "nord_pool", "energi_data")
"""Sources of the day-ahead price of a bidding zone; any of them can stand in for another."""

MOST_CT = {"EUR": 500.0, "GBP": 500.0, "PLN": 2500.0, "DKK": 5000.0, "NOK": 5000.0, "SEK": 5000.0}
"""A price beyond is not believed: the harmonised limit of the auction is 4 EUR/kWh and moves slowly."""


def areas_of(source: str) -> list[str]:
    """Return the bidding zones a market source has."""
    if source == "entsoe":
        return sorted(AREAS)
    return sorted(name for name, area in AREAS.items() if getattr(area, source) is not None)
