"""`ampilot run`: config to running controller, and back down in order."""

import asyncio
import faulthandler
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.chargers import open_charger
from controller.clock import Clock, SystemClock
from controller.credentials import TokenSource
from controller.days.verdict import NightlyVerdict
from controller.delivery.announcer import Announcer
from controller.delivery.channels import open_channels
from controller.departures import Wants
from controller.events import STOPPED, Event
from controller.forecast.forecaster import Forecaster
from controller.interface.assembly import LISTEN_AGAIN_S, Interface, open_interface
from controller.ledger import upkeep
from controller.ledger.ledger import Ledger
from controller.line.night import is_dark
from controller.load_settings import load_settings
from controller.logging_setup import set_up
from controller.loop import Loop
from controller.meters import Role, open_meters
from controller.planning import Planning
from controller.plugins import is_built_in, load_strategy
from controller.schedule import Schedule
from controller.senses import Devices
from controller.settings import MeterSettings, Settings
from controller.supervised import FAULTS, WINDOW_S, Supervised
from controller.tariffs.assembly import Tariffs, open_tariffs
from controller.tick_record import offer_standing
from controller.watchdog import Notifier

log = logging.getLogger(__name__)
STOP_S = 5.0
OTHERS_POLL_S = 5.0
TARIFFS_LOOK_S = 30.0
"""Between looks whether a source of prices is due; asking is much rarer."""

FORECAST_S = 15.0
PLAN_S = 5.0
"""Between looks whether there is a reason to plan anew; planning is much rarer."""

VERDICT_JITTER_S = 1200
EVER_S = 3650 * 86_400.0
VERDICT_LATE_S = 300.0
"""A verdict that was missed, because nothing ran at midnight, is made up for this long after the start."""


def devices_of(settings: Settings, token: TokenSource, clock: SystemClock) -> Devices:
    """Return the devices the config describes. Raises ConfigError."""
    wanted: dict[Role, MeterSettings] = {"grid": settings.grid}
    if settings.pv is not None:
        wanted["pv"] = settings.pv
    if settings.battery is not None:
        wanted["battery"] = settings.battery
    meters = open_meters(wanted, clock)
    charger = open_charger(settings.charger, token, clock)
    return Devices(meters["grid"], charger, meters.get("pv"), meters.get("battery"))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was put together from the config: nothing of it runs yet, and it is closed by `_close`."""

    ledger: Ledger
    notifier: Notifier
    strategy: Supervised
    tariffs: Tariffs
    forecaster: Forecaster
    loop: Loop
    interface: Interface
    announcer: Announcer
    schedule: Schedule


async def run(config: Path) -> None:
    """Run until SIGTERM, SIGINT or SIGHUP.

    Raises ConfigError, StrategyError, LedgerError before anything is sent.
    """
    settings = load_settings(config)
    clock = SystemClock()
    token = TokenSource(settings.charger)
    if settings.charger.transport != "local":
        token()  # what is wrong with it is said before anything is sent
    held: list[Callable[[], list[str]]] = [lambda: token.seen]

    def secrets() -> list[str]:
        return [secret for each in held for secret in each()]

    set_up(settings.log.level, os.environ, secrets)
    faulthandler.enable()
    parts = _put_together(config, settings, token, clock, held, secrets)
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A terminal that is closed ends it in order too, unless nohup asked for the contrary.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            running.add_signal_handler(number, stop.set)
    _note_start(parts, settings)
    if parts.interface.wanted:
        await parts.interface.keep_listening()
        parts.schedule.every(lambda: LISTEN_AGAIN_S, parts.interface.keep_listening, "interface")
    parts.schedule.start()
    parts.announcer.start()
    parts.notifier.ready()
    try:
        await stop.wait()
    finally:
        await _close(parts)


def _put_together(
    config: Path,
    settings: Settings,
    token: TokenSource,
    clock: SystemClock,
    held: list[Callable[[], list[str]]],
    secrets: Callable[[], list[str]],
) -> _Parts:
    """Return the controller the config describes, not yet started; what it keeps secret joins `held`."""
    strategy = _supervised(settings)
    devices = devices_of(settings, token, clock)
    ledger = Ledger.open(Path(settings.ledger.path), clock)
    notifier = Notifier.from_env()
    tariffs = open_tariffs(settings, clock, ledger.record_event)
    held.append(tariffs.secrets)
    forecaster = Forecaster(settings.forecast, settings.site.timezone, ledger.path, clock, ledger=ledger)
    planning = planning_of(settings, settings.wants(), tariffs, forecaster, ledger.record_event, clock)
    loop = Loop(
        devices,
        strategy,
        settings.limits(),
        prices=tariffs.now,
        ledger=ledger,
        clock=clock,
        notifier=notifier,
        timezone=settings.site.timezone,
        cars=settings.known_cars(),
        late_s=max(3 * settings.timing.decide_s, 3.0),
        dark=_darkness(settings, clock),
        planning=planning,
    )
    interface = open_interface(
        settings, ledger, clock, lambda: loop.last, lambda: loop.state.cars.traits.name, loop.soc.now
    )
    held.append(interface.secrets)
    announcer = _announcer(settings, loop, clock, held, secrets)
    ledger.listen(announcer.hear)
    for note in ledger.notes:
        log.error("event=ledger %s", note)
        announcer.hear(Event("ledger", "error", note))
    choice, zone = settings.strategy, settings.site.timezone
    upkeep.describe_site(ledger, zone, settings.prices.prices(), choice.name, choice.options)
    schedule = _scheduled(settings, loop, ledger, clock)
    nightly = NightlyVerdict(config, ledger, clock, zone)
    _schedule_outlook(schedule, settings, tariffs, nightly, forecaster, planning)
    return _Parts(ledger, notifier, strategy, tariffs, forecaster, loop, interface, announcer, schedule)


def _supervised(settings: Settings) -> Supervised:
    """Return the strategy that was chosen, limited in time. Raises StrategyError."""
    choice = settings.strategy
    return Supervised(
        choice.name,
        load_strategy(choice.name, choice.options),
        lambda name: load_strategy(name, {}),
        time_limit_s=max(settings.timing.decide_s / 2, 0.5),
    )


def _note_start(parts: _Parts, settings: Settings) -> None:
    """Put on record that it starts, and after what; a foreign strategy that keeps failing is replaced."""
    ledger, strategy = parts.ledger, parts.strategy
    if ledger.unclean_starts(EVER_S):
        ledger.record_event(
            "unclean", "warning", "the run before did not end in order: killed, hung, no power"
        )
    if ledger.unclean_starts(WINDOW_S) >= FAULTS and not is_built_in(settings.strategy.name):
        parts.loop.replace_strategy()
    ledger.record_event("start", "info", f"started with strategy {strategy.name}")
    log.info("event=start strategy=%s charger=%s", strategy.name, settings.charger.serial)


async def _close(parts: _Parts) -> None:
    """End everything in order: the jobs before the charger is left to itself, the ledger last."""
    parts.notifier.stopping()
    await parts.schedule.stop()
    await parts.interface.close()
    await parts.forecaster.close()
    try:
        async with asyncio.timeout(STOP_S):
            await parts.loop.stop()
    except TimeoutError:
        log.warning("event=stop_timeout the charger did not answer in %.0f s", STOP_S)
    await parts.announcer.close()
    await parts.tariffs.close()
    parts.ledger.record_event("stop", "info", STOPPED)
    parts.ledger.close()
    log.info("event=stop")


def _announcer(
    settings: Settings,
    loop: Loop,
    clock: SystemClock,
    held: list[Callable[[], list[str]]],
    secrets: Callable[[], list[str]],
) -> Announcer:
    """Return who tells people; a channel whose library is missing is said and left out."""
    channels, sources, missing = open_channels(settings.notify)
    for text in missing:
        log.error("event=notify_missing %s", text)
    held += [lambda source=source: source.seen for source in sources]  # type: ignore[misc]
    zone = ZoneInfo(settings.site.timezone)

    def offered() -> str:
        link = loop.state.link
        if not link.known:
            return "unknown, the charger was not read yet"
        standing = "seen" if loop.last is None else offer_standing(loop.last[0], link)
        doubt = {
            "sent": ", if it has arrived: not seen at the charger yet",
            "old": " when the charger was last read",
        }
        return f"{link.in_force}{doubt.get(standing, '')}"

    return Announcer(channels, clock, zone, offered=offered, secrets=secrets)


def planning_of(
    settings: Settings,
    wants: Wants,
    tariffs: Tariffs,
    forecaster: Forecaster,
    note: Callable[[str, str, str], None],
    clock: Clock,
) -> Planning:
    """Return the planner with the prices and the sun this house knows of."""

    def stamp() -> object:
        standing = forecaster.standing()
        return tariffs.stamp(), standing.fetched_s, standing.until_s

    zone, fixed = ZoneInfo(settings.site.timezone), settings.prices.prices()
    return Planning(wants, tariffs.book.outlook, forecaster.slots, stamp, fixed, clock, zone, note)


def _darkness(settings: Settings, clock: SystemClock) -> Callable[[], bool]:
    """Return the answer to "can nothing here feed in now?"; never where there is a battery, or no place."""
    latitude, longitude = settings.site.latitude, settings.site.longitude
    if latitude is None or longitude is None or settings.battery is not None:
        return lambda: False
    return lambda: is_dark(clock.wall(), latitude, longitude)


def _scheduled(settings: Settings, loop: Loop, ledger: Ledger, clock: SystemClock) -> Schedule:
    """Return the jobs of the controller, not yet started."""
    timing = settings.timing

    def failed(name: str, error: Exception) -> None:
        log.error("event=job_failed job=%s", name, exc_info=error)
        ledger.record_event("bug", "error", f"{name}: {type(error).__name__}")

    def charger_pace_s() -> float:
        return timing.charger_poll_s if loop.car_connected else timing.charger_idle_poll_s

    async def maintain() -> None:
        kept = settings.ledger
        upkeep.maintain(ledger, keep_10s_days=kept.keep_10s_days, keep_60s_days=kept.keep_60s_days)

    def stepped(by_s: float) -> None:
        was = clock.wall() - timedelta(seconds=by_s)
        text = f"the wall clock stepped by {by_s:.0f} s: from {was:%Y-%m-%d %H:%M:%S} to the time of this row"
        ledger.record_event("clock", "warning", text)

    schedule = Schedule(clock, failed)
    schedule.on_step = stepped
    schedule.every(lambda: timing.meter_poll_s, loop.senses.poll_meter, "meter")
    schedule.every(charger_pace_s, loop.senses.poll_charger, "charger")
    if settings.pv is not None or settings.battery is not None:
        schedule.every(lambda: OTHERS_POLL_S, loop.senses.poll_others, "others")
    schedule.every(lambda: timing.decide_s, loop.decide, "decide")
    schedule.daily(3, 17, settings.site.timezone, maintain, "maintain")
    return schedule


def _schedule_outlook(
    schedule: Schedule,
    settings: Settings,
    tariffs: Tariffs,
    nightly: NightlyVerdict,
    forecaster: Forecaster,
    planning: Planning,
) -> None:
    """Add what looks beyond the moment: prices, the day that was, the sun, the plan."""
    if tariffs.feeds or tariffs.counts_holidays:
        schedule.every(lambda: TARIFFS_LOOK_S, tariffs.step, "tariffs")
    if settings.strategy.name != "timers":  # which has nothing to be compared with
        _judge_days(schedule, nightly, settings)
    schedule.every(lambda: FORECAST_S, forecaster.tick, "forecast")
    schedule.every(lambda: FORECAST_S, forecaster.fetch_if_due, "forecast-fetch")
    schedule.every(lambda: PLAN_S, planning.tick, "plan")


def _judge_days(schedule: Schedule, nightly: NightlyVerdict, settings: Settings) -> None:
    """Have every day replayed a little after its end."""
    work, zone = nightly.judge_yesterday, settings.site.timezone
    schedule.daily(0, 7, zone, work, "verdict", jitter_s=VERDICT_JITTER_S)
    schedule.once(VERDICT_LATE_S, work, "verdict-late")
