"""`ampilot tariffs`: what is known of prices, from where, until when, as tables, bars and a picture."""

import asyncio
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, err, escaped, out
from controller.errors import TariffUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from controller.horizon import PriceSlot
    from controller.settings import Settings
    from controller.tariffs.assembly import Tariffs

commands = typer.Typer()
BAR_WIDTH = 30
EIGHTHS = " ▏▎▍▌▋▊▉"
HOUR_S = 3600.0


@commands.command()
def tariffs(
    config: Config = DEFAULT_CONFIG,
    fetch: Annotated[bool, typer.Option("--fetch", help="ask the sources now, due or not")] = False,
    quarters: Annotated[
        bool, typer.Option("--quarters", help="a row for each price, not for each hour")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="draw into this .png or .svg")] = None,
) -> None:
    """Show what a kWh costs and brings today and tomorrow, from where that is known, and until when.

    Works without network from what the service has kept.
    """
    from controller.clock import SystemClock
    from controller.load_settings import load_settings
    from controller.tariffs.assembly import open_tariffs

    settings = load_settings(config)

    def say(_kind: str, severity: str, text: str) -> None:
        if severity != "info":
            err.print(f"[yellow]{escaped(text)}[/]")

    found = open_tariffs(settings, SystemClock(), say)
    answered = asyncio.run(_fetched(found)) if fetch else True
    zone = ZoneInfo(settings.site.timezone)
    now_s = SystemClock().wall().timestamp()
    out.print(escaped(_in_words(settings)))
    _print_sources(found, zone, now_s)
    days = _days(found, zone, now_s)
    for title, slots in days:
        _print_day(title, slots, zone, now_s, quarters=quarters)
    if plot is not None:
        from controller.plots.tariffs import plot_prices

        plot_prices([slot for _, slots in days for slot in slots], plot, zone, now_s)
    if not answered:
        raise TariffUnreachable("not every source answered. What is shown is what was known before")


async def _fetched(found: "Tariffs") -> bool:
    """Ask every source once; return whether all answered."""
    answered = [await feed.ask() for feed in found.feeds]
    await found.close()
    return all(answered)


def _in_words(settings: "Settings") -> str:
    """Return how prices are made up."""
    tariff, prices = settings.tariff, settings.prices
    if tariff is None:
        return (
            f"Fixed prices of [prices]: a kWh costs {prices.import_ct_per_kwh:g} ct and brings "
            f"{prices.feed_in_ct_per_kwh:g} ct. A section [tariff] lets them follow the day."
        )
    market = tariff.market
    energy = {
        "fixed": "fixed",
        "zones": "by the clock",
        "market": f"from {market.source}" if market is not None else "",
    }[tariff.import_price]
    added = []
    if tariff.makeup == "energy_only":
        parts = {
            "supplier": tariff.supplier_ct_per_kwh,
            "grid fee": tariff.grid_fee_ct_per_kwh,
            "levies": tariff.levies_ct_per_kwh,
        }
        added = [f"{tariff.markup:.1%}"] if tariff.markup else []
        added += [f"{name} {ct:g} ct" for name, ct in parts.items() if ct]
        added += ["grid fees by the clock"] if tariff.grid_fees else []
        added += [f"{tariff.vat:.0%} VAT on it all"] if tariff.vat else []
    made_up = f"plus {', '.join(added)}" if added else "nothing added"
    feed_in = {
        "fixed": f"{prices.feed_in_ct_per_kwh:g} ct",
        "spot": f"the exchange less {tariff.feed_in_fee_ct_per_kwh:g} ct",
        "zero_if_negative": f"{prices.feed_in_ct_per_kwh:g} ct, nothing while the exchange is below zero",
    }[tariff.feed_in]
    return f"Import {energy}, {made_up}. Feed-in: {feed_in}."


def _print_sources(found: "Tariffs", zone: ZoneInfo, now_s: float) -> None:
    for feed in found.feeds:
        stored, until_s = feed.stored, feed.until_s(now_s)
        due_s = stored.due_s or now_s
        fetched = "never fetched" if stored.fetched_s is None else f"fetched {_when(stored.fetched_s, zone)}"
        known = "no price for now" if until_s <= now_s else f"known until {_when(until_s, zone)}"
        following = "due now" if due_s <= now_s else f"next {_when(due_s, zone)}"
        out.print(f"[bold]{escaped(feed.source.identity)}[/]")
        out.print(f"  {known}, {fetched}, {following}")
        if stored.failure:
            out.print(f"  [yellow]last try: {escaped(stored.failure)}[/]")


def _days(found: "Tariffs", zone: ZoneInfo, now_s: float) -> "list[tuple[str, list[PriceSlot]]]":
    """Return today and tomorrow with their slots; what is not published yet as estimates from now on."""
    today = datetime.fromtimestamp(now_s, zone).date()
    days = []
    for day in (today, today + timedelta(days=1)):
        begin_s = datetime.combine(day, time(), zone).timestamp()
        end_s = datetime.combine(day + timedelta(days=1), time(), zone).timestamp()
        slots = list(found.book.slots(begin_s, end_s))
        known_until_s = slots[-1].end_s if slots else max(begin_s, now_s)
        slots += found.book.outlook(max(known_until_s, now_s), end_s) if end_s > known_until_s else ()
        days.append((f"{day:%A %d %B}", slots))
    return days


def _print_day(
    title: str, slots: "Sequence[PriceSlot]", zone: ZoneInfo, now_s: float, *, quarters: bool
) -> None:
    out.print(f"\n[bold]{title}[/]")
    if not slots:
        out.print("  no price is known; the fixed one of [prices] counts".replace("[", r"\["))
        return
    rows = list(slots) if quarters else _by_hour(slots)
    most_ct = max(max(slot.import_ct_per_kwh for slot in rows), 1.0)
    co2 = any(slot.co2_g_per_kwh is not None for slot in rows)
    out.print(f"[dim]  {'':11}  import  feed-in{'   g CO2' if co2 else ''}   ct/kWh[/]")
    for slot in rows:
        begin = datetime.fromtimestamp(slot.begin_s, zone)
        end = datetime.fromtimestamp(slot.end_s, zone)
        mark = "[green]>[/]" if slot.begin_s <= now_s < slot.end_s else " "
        guess = "~" if slot.estimated else " "
        gram = f"  {slot.co2_g_per_kwh:6.0f}" if slot.co2_g_per_kwh is not None else " " * 8 * co2
        text = f"{begin:%H:%M}-{end:%H:%M} {guess}{slot.import_ct_per_kwh:7.2f}"
        text += f"  {slot.export_ct_per_kwh:7.2f}{gram}"
        out.print(f"{mark} {text}  [blue]{_bar(slot.import_ct_per_kwh / most_ct)}[/]")
    if any(slot.estimated for slot in rows):
        out.print("[dim]  ~ estimated from the days before; not published yet[/]")


def _by_hour(slots: "Sequence[PriceSlot]") -> "list[PriceSlot]":
    """Return means by the clock hour, so that a day of quarters fits on a screen; longer slots are cut."""
    from controller.horizon import PriceSlot

    begin_s = slots[0].begin_s // HOUR_S * HOUR_S
    found = []
    while begin_s < slots[-1].end_s:
        end_s = begin_s + HOUR_S
        parts = [
            (min(s.end_s, end_s) - max(s.begin_s, begin_s), s)
            for s in slots
            if s.begin_s < end_s and s.end_s > begin_s
        ]
        total_s = sum(part for part, _ in parts)
        if total_s > 0:
            grams = [s.co2_g_per_kwh for _, s in parts if s.co2_g_per_kwh is not None]
            found.append(
                PriceSlot(
                    begin_s,
                    end_s,
                    sum(part * s.import_ct_per_kwh for part, s in parts) / total_s,
                    sum(part * s.export_ct_per_kwh for part, s in parts) / total_s,
                    sum(grams) / len(grams) if grams else None,
                    any(s.estimated for _, s in parts),
                )
            )
        begin_s = end_s
    return found


def _bar(share: float) -> str:
    eighths = round(max(share, 0.0) * BAR_WIDTH * 8)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).rstrip()


def _when(at_s: float, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at_s, zone):%a %d %b %H:%M}"
