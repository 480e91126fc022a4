"""`ampilot check`: reach the devices, say in plain words what was read, and a remedy for each failure."""

from collections.abc import Callable
from pathlib import Path

from controller.cars.car import DEFAULT_KEY, CarRecord, known_as
from controller.cars.car import describe as describe_car
from controller.chargers import open_charger
from controller.clock import SystemClock
from controller.credentials import TokenSource
from controller.daemon import devices_of
from controller.delivery.channels import open_channels
from controller.errors import AmpilotError, ChargerError, ConfigError, LedgerError, MeterError
from controller.interface.assembly import caller_token
from controller.ledger.car_store import records_of
from controller.ledger.report import Report
from controller.load_settings import load_settings
from controller.model import BatteryReading, ChargerStatus, GridReading, PvReading, Reading
from controller.plugins import conformance, is_built_in, load_strategy, option_names
from controller.settings import ChargerSettings, Settings
from controller.settings.interface import InterfaceSettings
from controller.tariffs.assembly import open_tariffs

MOST_FAULTS = 5
"""A strategy that always fails does so in every snapshot; the first few tell as much."""

Say = Callable[[str, bool], None]
"""Takes a line and whether it is good news."""


async def check_site(config: Path, say: Say) -> int:
    """Return the number of failures; nothing is ever written to the charger."""
    settings = load_settings(config)
    say(f"config   {config} is valid", True)
    failures = 0
    try:
        load_strategy(settings.strategy.name, settings.strategy.options)
        say(f"strategy {settings.strategy.name} with {settings.strategy.options or 'its defaults'}", True)
    except AmpilotError as error:
        failures += 1
        say(f"strategy {error}", False)
    token = TokenSource(settings.charger)
    if settings.charger.transport != "local":
        try:
            token()
            say("token    found, readable by you alone", True)
        except ConfigError as error:
            failures += 1
            say(f"token    {error}", False)
    devices = devices_of(settings, token, SystemClock())
    for name in ("grid", "pv", "battery"):
        meter = getattr(devices, name)
        if meter is None:
            continue
        try:
            say(f"{name:8} {describe(await meter.read())}", True)
        except MeterError as error:
            failures += 1
            say(f"{name:8} {_with_remedy(str(error), _meter_remedy)}", False)
        await meter.close()
    await devices.charger.close()
    failures += await _check_charger(settings.charger, token, say)
    for line in describe_cars(settings):
        say(f"car      {line}", True)
    for line, kept in describe_departures(settings):
        say(f"leaves   {line}", kept)
        failures += not kept
    for problem in unstartable(settings):
        say(f"secrets  {problem}", False)
        failures += 1
    line, in_order = describe_interface(settings.interface)
    if line:
        say(f"listens  {line}", in_order)
        failures += not in_order
    return failures


async def _check_charger(wanted: ChargerSettings, token: TokenSource, say: Say) -> int:
    """Say what the box answers on each road to it, for the second one is needed when the first fails."""
    failures, roads = 0, wanted.transport.split("+")
    for road in roads:
        name = f"charger  {f'{road}: ' if len(roads) > 1 else ''}"
        charger = open_charger(wanted.model_copy(update={"transport": road}), token, SystemClock())
        try:
            status = await charger.read()
        except ChargerError as error:
            failures += 1
            say(f"{name}{_with_remedy(str(error), _charger_remedy)}", False)
        else:
            leashed = wanted.energy_leash_kwh is not None
            for line in describe_charger(status, wanted.max_current_a, leashed=leashed):
                say(f"{name}{line}", True)
        await charger.close()
    return failures


def check_strategy(name: str, say: Say) -> int:
    """Run the conformance suite on a strategy with its default options; return the number of faults."""
    strategy = load_strategy(name, {})
    faults = conformance(strategy)
    for fault in faults[:MOST_FAULTS]:
        say(fault, False)
    if len(faults) > MOST_FAULTS:
        say(f"and {len(faults) - MOST_FAULTS} more", False)
    if not faults:
        say(f"strategy {name} keeps its contract: total, pure, a reason for every wish", True)
        say(f"options  {', '.join(option_names(type(strategy))) or 'none'}", True)
    return len(faults)


def describe(reading: Reading) -> str:
    """Return a reading in plain words."""
    if isinstance(reading, PvReading):
        return f"the sun gives {reading.pv_yield_w:.0f} W"
    if isinstance(reading, BatteryReading):
        what = "charges with" if reading.battery_charge_w >= 0 else "gives"
        soc = "" if reading.soc_pct is None else f", {reading.soc_pct:.0f} % full"
        return f"the battery {what} {abs(reading.battery_charge_w):.0f} W{soc}"
    return _describe_grid(reading)


def _describe_grid(reading: GridReading) -> str:
    what = "takes" if reading.grid_import_w >= 0 else "feeds in"
    text = f"the house {what} {abs(reading.grid_import_w):.0f} W"
    if reading.phase_import_w is not None:
        text += " (" + ", ".join(f"L{i + 1} {w:.0f} W" for i, w in enumerate(reading.phase_import_w)) + ")"
    elif reading.phase_current_a is None:
        text += "; no values per phase: the whole import is taken to flow on one"
    if reading.voltage_v is not None:
        text += f", {max(reading.voltage_v):.0f} V"
    return text + ". Switch on a kettle: the number must rise; if it falls, set reverse = true"


def describe_departures(settings: Settings) -> list[tuple[str, bool]]:
    """Return each departure as people say it, and whether the chosen strategy keeps it."""
    name = settings.strategy.name
    kept = name == "ready_by" or not is_built_in(name)  # what others build may keep them
    lines = []
    for each in settings.departure:
        days = each.date or ", ".join(each.days) or "every day"
        wanted = [] if each.target_pct is None else [f"{each.target_pct:g} % full"]
        wanted += [] if each.need_kwh is None else [f"{each.need_kwh:g} kWh"]
        text = f"{each.time} {days} with {' or else '.join(wanted)}"
        remedy = f'strategy {name} keeps no departures. Remedy: name = "ready_by"'
        lines.append((text if kept else f"{text}: {remedy}", kept))
    return lines


def describe_charger(status: ChargerStatus, max_current_a: int, *, leashed: bool = False) -> list[str]:
    """Return the charger's state in plain words, a line each, conflicts included."""
    lines = [
        f"{status.model or 'go-e'} {status.firmware or ''}, car {status.car}, draws "
        f"{'?' if status.power_w is None else f'{status.power_w:.0f}'} W, "
        f"set to {'?' if status.requested_a is None else status.requested_a} A"
    ]
    if status.hardware_limit_a is not None and status.hardware_limit_a < max_current_a:
        lines.append(f"box, cable or adapter allow {status.hardware_limit_a} A, less than max_current_a")
    if status.use_pv_surplus or status.logic_mode in (4, 5):
        lines.append(
            "its own Eco or trip logic is on: switch it to Basic in the go-e app, two cooks spoil it"
        )
    if status.access_control == 1 and status.transaction is None:
        lines.append("access control is on: it will not charge until you authorise in the app")
    if status.pause_allowed is False:
        lines.append("pausing is not allowed in its settings (acp): it may go on charging when told to stop")
    if not status.can_switch_phases:
        lines.append("it does not report a phase setting: phases will not be switched")
    if leashed and (status.energy_limit_wh is None or status.session_wh is None):
        lines.append("it does not report its energy limit or count: energy_leash_kwh does nothing")
    elif leashed:
        lines.append("the energy leash is on; that a charger obeys it is unproven, see docs/configuration.md")
    if status.error:
        lines.append(f"it reports error {status.error}: nothing will be started")
    return lines


def unstartable(settings: Settings) -> list[str]:
    """Return what keeps the service down, or mute, though the config is valid: missing secrets."""
    problems = []
    try:
        open_tariffs(settings, SystemClock(), lambda kind, severity, text: None)
    except ConfigError as error:
        problems.append(str(error))
    try:
        problems += open_channels(settings.notify)[2]
    except ConfigError as error:
        problems.append(str(error))
    return problems


def describe_interface(wanted: InterfaceSettings) -> tuple[str, bool]:
    """Return where programs are listened to, and whether what they must show is as it should be."""
    if wanted.port is None:
        return "", True
    place = f"to programs at {wanted.host} port {wanted.port}"
    try:
        token = caller_token(wanted)
    except ConfigError as error:
        return f"{place}: {error}", False
    return f"{place}, " + ("to those with the token" if token else "on this machine, without a token"), True


def describe_cars(settings: Settings) -> list[str]:
    """Return what is known of each car, from the ledger if there is one and from the config."""
    try:
        records = records_of(Report(Path(settings.ledger.path)).cars())
    except LedgerError:
        records = ()
    known = settings.known_cars()
    keys = {record.key for record in records}
    records += tuple(CarRecord(car.key) for car in known if car.key not in keys)
    lines = []
    for record in records:
        own = known_as(record.key, known)
        unnamed = "without a card" if record.key == DEFAULT_KEY else record.key
        prefix = "" if own is not None else f"{unnamed}: "
        lines.append(prefix + describe_car(record, own))
    return lines


def _with_remedy(text: str, remedy: Callable[[str], str]) -> str:
    """Return what went wrong and one remedy: its own where it has one."""
    return text if "Remedy:" in text else f"{text}. Remedy: {remedy(text)}"


def _meter_remedy(text: str) -> str:
    if "connected to" in text:
        return "check address, port and cable, and that Modbus is enabled on the device"
    if "exception 2" in text or "word order" in text:
        return "try another profile or word_order"
    if "gateway" in text:
        return "check unit_id and the serial line behind the gateway"
    return "check transport, unit_id and profile; another program may hold its only connection"


def _charger_remedy(text: str) -> str:
    if "403" in text or "404" in text:
        return "is the box online, and is the cloud API enabled in the go-e app?"
    if "another charger" in text:
        return "compare serial in [charger] with the number on the box, and host with its address"
    return "check the internet connection, or host for the local API"
