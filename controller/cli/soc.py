"""`ampilot soc`: how full the car is, and telling it."""

import math
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, escaped, out
from controller.errors import ConfigError

if TYPE_CHECKING:
    from controller.settings import Settings

commands = typer.Typer()


@commands.command()
def soc(
    percent: Annotated[
        float | None, typer.Argument(min=0, max=100, help="how full the car is now, as its display says")
    ] = None,
    car: Annotated[str | None, typer.Option(help="which car, by its name in the config")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Show how full the car is taken to be, or say it. A running ampilot takes it up at its next decision."""
    from controller.ledger import soc_store
    from controller.load_settings import load_settings

    if percent is not None and not math.isfinite(percent):
        raise typer.BadParameter("accepted: a number from 0 to 100")
    settings = load_settings(config)
    path, now = Path(settings.ledger.path), datetime.now(UTC)
    if percent is None:
        plug, found = soc_store.on_record(path, settings.known_cars(), now)
        name = plug.car or "The car"
        if not plug.connected:
            out.print("No car is connected.")
        elif found is None:
            out.print(f"How full {escaped(plug.car or 'the car')} is, is not known.")
            out.print(escaped(_missing(settings, plug.car)))
        else:
            out.print(f"{escaped(name)} is {escaped(str(found))}.")
            out.print(f"At the cable until full: {found.room_wh / 1000:.1f} kWh.")
        return
    named = _named(settings, car)
    soc_store.tell_by_hand(path, named, percent, now)
    out.print(f"Understood: {escaped(named or 'the car at the cable')} is {percent:g} % full now.")
    out.print(escaped(_follows(settings, named, percent)))


def _named(settings: "Settings", car: str | None) -> str:
    """Return the car that is meant: the named one, the only one, or none by name. Raises ConfigError."""
    names = [each.name for each in settings.car]
    if car is None:
        return names[0] if len(names) == 1 else ""
    if car not in names:
        known = f"the config names {', '.join(names)}" if names else "the config names no [[car]]"
        raise ConfigError(f"--car: found {car!r}; {known}")
    return car


def _follows(settings: "Settings", named: str, percent: float) -> str:
    """Return what a report of this car will lead to."""
    known = next((each for each in settings.known_cars() if each.name == named), None)
    if known is not None and known.battery_kwh is None:
        return _missing(settings, named)
    if known is None:
        if all(each.battery_kwh is None for each in settings.car):
            return _missing(settings, named)
        return "It counts for the car that is connected now, if the config knows its battery."
    assert known.battery_kwh is not None
    room_kwh = (100 - percent) / 100 * known.battery_kwh / known.charge_efficiency
    return (
        f"{room_kwh:.1f} kWh at the cable make it full ({known.battery_kwh:g} kWh, "
        f"{known.charge_efficiency * 100:.0f} % of it arrives). "
        "It counts while the car is connected, or if it is plugged in within the hour."
    )


def _missing(settings: "Settings", name: str) -> str:
    """Return what it takes to know how full a car is."""
    known = next((each for each in settings.car if each.name == name), None)
    if known is None:
        return "Percent need a [[car]] with battery_kwh; with a card, it is known once the card was shown."
    if known.battery_kwh is None:
        return f"Percent of {name} need battery_kwh in its [[car]]."
    return (
        f"Say it with: ampilot soc PERCENT --car {shlex.quote(name)}; or set assumed_soc_pct in its [[car]]."
    )
