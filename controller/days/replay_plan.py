"""What a replay runs on and compares: a ledger with its house, days of it, strategies, one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from controller.clock import SystemClock
from controller.days.backtest import BACKTEST_LIMITS
from controller.days.recorded import recorded_dates
from controller.errors import ConfigError, LedgerError
from controller.horizon import PriceSlot, slot_at
from controller.ledger.report import Report
from controller.ledger.upkeep import SITE
from controller.limits import Limits
from controller.load_settings import load_settings
from controller.model import Prices, Strategy
from controller.plugins import follows_plan, load_strategy, money_options
from controller.settings import Settings
from controller.tariffs.assembly import open_tariffs

BASELINE = "timers"
DEFAULT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Source:
    """A ledger and what is known of its house: days follow `zone`, money `prices`, moves `limits`."""

    report: Report
    zone: ZoneInfo
    prices: Prices
    strategy: str
    options: Mapping[str, object]
    limits: Limits = BACKTEST_LIMITS
    tariff: Callable[[float, float], Sequence[PriceSlot]] | None = None
    """The prices of a span of UTC seconds as far as they are known, where they follow the day."""

    @property
    def without_plan(self) -> bool:
        """Return whether the configured strategy follows a plan, which a replay does not have."""
        return follows_plan(self.strategy, self.options)

    def prices_of(self, begin_s: float, end_s: float) -> Callable[[int], Prices] | None:
        """Return the prices by the second of a span, the fixed ones in its gaps; None where all are fixed."""
        if self.tariff is None:
            return None
        slots = self.tariff(begin_s, end_s)

        def at(second: int) -> Prices:
            slot = slot_at(slots, begin_s + second)
            if slot is None:
                return self.prices
            return replace(
                self.prices,
                import_ct_per_kwh=slot.import_ct_per_kwh,
                export_ct_per_kwh=slot.export_ct_per_kwh,
            )

        return at


@dataclass(frozen=True, slots=True)
class Plan:
    """Which strategies are compared, and what a kWh in the car is worth to all of them, in ct.

    The car is connected all day, or `as_plugged`, only while the ledger says that one was.
    """

    strategies: Mapping[str, Strategy]
    value_ct: float
    value_from: str
    as_plugged: bool = False


def source_of(config: Path | None, ledger: Path | None, default_config: Path) -> Source:
    """Return the ledger of a config, or a ledger file with the house it says it is from.

    With both, the house of the config and the rows of the file. Raises ConfigError or LedgerError.
    """
    if config is None and ledger is not None:
        report = Report(ledger)
        return _as_recorded(report, ledger)
    settings = load_settings(config or default_config)
    return Source(
        Report(ledger or Path(settings.ledger.path)),
        ZoneInfo(settings.site.timezone),
        settings.prices.prices(),
        settings.strategy.name,
        settings.strategy.options,
        # The ledger keeps no currents of phases, and a model's meter needs no doubt.
        replace(settings.limits(), fuse_a=None, response_s=None),
        _tariff(settings),
    )


def _tariff(settings: Settings) -> Callable[[float, float], Sequence[PriceSlot]] | None:
    """Return the prices the service has kept, None where they are fixed. Asks nobody."""
    if settings.tariff is None:
        return None
    return open_tariffs(settings, SystemClock(), lambda kind, severity, text: None).book.slots


def _as_recorded(report: Report, path: Path) -> Source:
    """Return a source from what the controller left in the ledger; defaults where it left nothing."""
    known = report.state(SITE) or {}
    try:
        prices, options = Prices(**known.get("prices", {})), dict(known.get("options", {}))
        return Source(
            report, ZoneInfo(known.get("timezone", "UTC")), prices, known.get("strategy", "surplus"), options
        )
    except (AttributeError, TypeError, ValueError, KeyError, OSError) as error:
        raise LedgerError(
            f"{path}: what it says of its house is no use ({error}). Remedy: add --config"
        ) from None


def plan_of(source: Source, names: Sequence[str], value_ct: float | None, solar_share: float | None) -> Plan:
    """Return the strategies by name, the baseline always among them, and one value for all.

    The configured strategy keeps its options. Raises StrategyError for one that is not installed.
    """
    prices = source.prices
    value_from = "as asked for"
    if value_ct is None:
        configured = source.options.get("value_ct_per_kwh")
        value_from = f"as configured for {source.strategy}"
        if not isinstance(configured, int | float):
            configured = (prices.import_ct_per_kwh + prices.export_ct_per_kwh) / 2
            value_from = "midway between feed-in and import price"
        value_ct = float(configured)
    strategies = {}
    for name in dict.fromkeys([*(names or (source.strategy,)), BASELINE]):
        options = dict(source.options) if name == source.strategy else {}
        money = money_options(name, value_ct, solar_share)
        options |= {key: option for key, option in money.items() if option is not None}
        strategies[name] = load_strategy(name, options)
    return Plan(strategies, value_ct, value_from)


def days_of(source: Source, first: date | None, last: date | None) -> list[date]:
    """Return the recorded days of a span, both ends included; the last seven without a span.

    Raises ConfigError if the span is upside down or nothing was recorded in it, and says what was.
    """
    if first is not None and last is not None and first > last:
        raise ConfigError(f"--from {first} is after --to {last}. Remedy: the earlier day is --from")
    recorded = recorded_dates(source.report, source.zone)
    wanted = [day for day in recorded if (not first or day >= first) and (not last or day <= last)]
    if not wanted:
        span = f"from {first or 'the first day'} to {last or 'the last day'}" if first or last else "at all"
        raise ConfigError(
            f"no readings {span}. Recorded: {_spans(recorded)}. "
            "Remedy: choose --from and --to among these days, or another --ledger"
        )
    return wanted if first is not None else wanted[-DEFAULT_DAYS:]


def _spans(days: Sequence[date]) -> str:
    """Return days as text, runs of them joined."""
    runs: list[list[date]] = []
    for day in days:
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return ", ".join(names) or "no day"
