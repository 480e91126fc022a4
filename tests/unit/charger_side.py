"""The charger's side of the tests of `reconcile`: at 100 s a car is charging with 10 A on one phase."""

from controller.limits import Limits
from controller.line.link import Link
from controller.line.reconcile import observe, sent
from controller.model import CarState, Charge, ChargerStatus, Command, Force, PhaseMode, Settings

LIMITS = Limits()
RAISE = (Charge(12, 1), Settings(current_a=12))
REDUCE = (Charge(7, 1), Settings(current_a=7))


def status(at_s: float, **change: object) -> ChargerStatus:
    values: dict[str, object] = {
        "car": CarState.CHARGING,
        "requested_a": 10,
        "force": Force.ON,
        "phase_mode": PhaseMode.ONE,
        "power_w": 2300.0,
        "session_wh": at_s,
        "uptime_ms": int(at_s * 1000) + 50_000,
        "reboot_count": 3,
    }
    return ChargerStatus(at_s, at_s, **values | change)  # type: ignore[arg-type]


def see(link: Link, at_s: float, *, late_s: float = 0.0, **change: object) -> tuple[Link, tuple[str, ...]]:
    """Observe a status of `at_s`, read at once or `late_s` later."""
    return observe(link, status(at_s, **change), at_s + late_s, LIMITS)


def begun(**change: object) -> Link:
    return see(Link(), 100.0, **change)[0]


def wrote(at_s: float, what: tuple[Command, Settings] = RAISE, *, raising: bool = True) -> Link:
    return sent(begun(), *what, at_s, raising=raising)
