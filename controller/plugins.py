"""Strategies by name, from the entry-point group `ampilot.strategies`: built-in and foreign ones alike."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from controller.errors import StrategyError
from controller.model import (
    NEUTRAL_CAR,
    Admissible,
    CarTraits,
    Charge,
    Command,
    Need,
    Off,
    Quality,
    SiteSnapshot,
    Strategy,
    Wish,
    Worth,
)

GROUP = "ampilot.strategies"


def strategy_names() -> list[str]:
    """Return the names of all installed strategies."""
    return sorted(point.name for point in entry_points(group=GROUP))


def load_strategy(name: str, options: Mapping[str, object]) -> Strategy:
    """Build a strategy with its options.

    Raises StrategyError naming the strategy, the option and what is accepted.
    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise StrategyError(
            f"[strategy] name: {name!r} is not installed; known: {', '.join(strategy_names())}"
        )
    try:
        kind = found[0].load()
    except Exception as error:
        raise StrategyError(f"[strategy] name: {name!r} cannot be loaded ({type(error).__name__})") from error
    known = option_names(kind)
    unknown = set(options) - set(known)
    if unknown:
        accepted = ", ".join(known) or "none"
        raise StrategyError(
            f"[strategy] options: {', '.join(sorted(unknown))} unknown to {name}; it takes: {accepted}"
        )
    try:
        built: Strategy = kind(**options)
    except StrategyError:
        raise
    except Exception as error:
        raise StrategyError(f"[strategy] options of {name}: {error}") from error
    return built


def follows_plan(name: str, options: Mapping[str, object]) -> bool:
    """Return whether a built-in strategy follows the plan's value of a kWh."""
    return name in ("ready_by", "tariff") or bool(options.get("value_from_prices"))


def is_built_in(name: str) -> bool:
    """Return whether a strategy comes with ampilot itself."""
    return any(
        point.name == name and point.value.startswith("strategies.") for point in entry_points(group=GROUP)
    )


def option_names(kind: type) -> list[str]:
    """Return the options a strategy's class takes."""
    return [name for name in inspect.signature(kind).parameters if name not in ("args", "kwargs")]


def conformance(strategy: Strategy) -> list[str]:
    """Return what is wrong with a strategy, nothing if it keeps its contract.

    It must be total, pure and patient: a valid wish for every snapshot, the same twice, never an exception.
    """
    faults = []
    memory = strategy.initial()
    for number, snap in enumerate(_snapshots()):
        try:
            first: Any
            first, after = strategy.decide(snap, memory)
            again, _ = strategy.decide(snap, memory)
        except Exception as error:
            faults.append(f"snapshot {number}: raised {type(error).__name__}: {error}")
            continue
        if not isinstance(first, Wish) or not isinstance(first.target, Off | Charge):
            faults.append(f"snapshot {number}: gave {first!r} instead of a Wish for Off or Charge")
            continue
        if first != again:
            faults.append(f"snapshot {number}: the same input gave {first.target} and {again.target}")
        if not first.reason:
            faults.append(f"snapshot {number}: gave no reason")
        memory = after
    return faults


def _snapshots() -> list[SiteSnapshot]:
    """Return a small life: no car, no data, sun rising and falling, an evening, limits in the way."""
    base = SiteSnapshot(0.0, 10.0, Quality.FRESH, Quality.FRESH, base_import_w=500.0)
    result = [base, replace(base, base_import_w=None, car_connected=True)]
    command: Command = Off()
    for step in range(60):
        surplus_w = 9000.0 * (1 - abs(step - 30) / 30) - 400
        command = command if step % 7 else (Charge(6 + step % 10, 3 if step % 2 else 1) if step else Off())
        result.append(
            replace(
                base,
                now_s=10.0 * step,
                base_import_w=-surplus_w,
                car_connected=True,
                in_force=command,
                phases_set=command.phases if isinstance(command, Charge) else 3,
                admissible=Admissible(
                    start_in_s=100.0 if step % 5 == 0 else 0.0,
                    stop_in_s=100.0 if step % 4 == 0 else 0.0,
                    phase_options=(1, 3) if step % 3 else (1,),
                ),
                car=NEUTRAL_CAR if step % 2 else CarTraits("odd", 1, 8, 13.0, 13, -0.2, 4.0, False),
                worth=Worth(30.0 if step % 2 else -3.0, "by hand", 1e9) if step % 11 > 5 else None,
                needs=(Need(10.0 * step + 3600.0, 1500.0 * (step % 9)),) if step > 30 else (),
            )
        )
    return [*result, replace(base, grid_quality=Quality.STALE, car_connected=True), base]


def money_options(name: str, value_ct: float, solar_share: float | None) -> dict[str, object]:
    """Return those of the two money options that this strategy takes. Raises StrategyError if unknown."""
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise StrategyError(f"strategy {name!r} is not installed; known: {', '.join(strategy_names())}")
    wanted: dict[str, object] = {"value_ct_per_kwh": value_ct, "solar_share": solar_share}
    known = option_names(found[0].load())
    return {key: value for key, value in wanted.items() if key in known}
