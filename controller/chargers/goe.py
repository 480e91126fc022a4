"""The go-e keys by meaning: key by key, because types and presence vary with firmware and model.

Whatever one key holds never spoils the others: an unusable value is None, an unknown state is unknown.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeVar

from controller.errors import ChargerUnreachable
from controller.model import CarState, ChargerStatus, Force, PerPhase, PhaseMode, Settings

ESSENTIAL = ("car", "amp", "frc", "psm", "nrg", "alw", "acu", "err")
_LIMITS_AND_COUNTERS = (
    "ama",
    "cbl",
    "amt",
    "adi",
    "var",
    "modelStatus",
    "eto",
    "wh",
    "dwo",
    "rbt",
    "rbc",
    "acs",
    "trx",
)
_LOGIC_AND_IDENTITY = ("lmo", "fup", "acp", "fwv", "typ", "sse")
OPTIONAL = _LIMITS_AND_COUNTERS + _LOGIC_AND_IDENTITY
MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 20

_Knob = TypeVar("_Knob", Force, PhaseMode)

_CARS = {
    0: CarState.UNKNOWN,
    1: CarState.IDLE,
    2: CarState.CHARGING,
    3: CarState.WAITING,
    4: CarState.COMPLETE,
    5: CarState.ERROR,
    6: CarState.INITIALIZING,
}
_CABLES_A = (13, 16, 20, 32)
_ELEVEN_KW = 11
_ALWAYS_ADAPTER = "_Phoenix"
"""The CORE reports `adi` true whatever hangs on it."""


def parse_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises ChargerUnreachable for anything else: text, NaN, absurd depth or numbers, too much of it.
    """
    if len(body) > MAX_BODY_BYTES:
        raise ChargerUnreachable("the answer is larger than any charger's")
    depth = max_depth = 0
    for byte in body:
        depth += (byte in b"{[") - (byte in b"}]")
        max_depth = max(max_depth, depth)
    if max_depth > MAX_DEPTH:
        raise ChargerUnreachable("the answer is nested deeper than any charger's")
    try:
        document = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ChargerUnreachable("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise ChargerUnreachable("the answer is not a JSON object")
    return document


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def parse_status(document: Mapping[str, Any], *, data_s: float, received_s: float) -> ChargerStatus:
    """Return the status that a document of keys describes; never raises."""
    currents, power_w, voltages = _measured(document.get("nrg"))
    model = _text(document.get("typ"))
    return ChargerStatus(
        data_s=data_s,
        received_s=received_s,
        car=_CARS.get(_int(document.get("car"), 0, 255) or 0, CarState.UNKNOWN),
        requested_a=_int(document.get("amp"), 6, 32),
        offered_a=_int(document.get("acu"), 0, 32),
        force=_enum(Force, document.get("frc")),
        phase_mode=_enum(PhaseMode, document.get("psm")),
        allowed=_bool(document.get("alw")),
        power_w=power_w,
        current_a=currents,
        voltage_v=voltages,
        hardware_limit_a=_hardware_limit_a(document, model),
        can_switch_phases=_enum(PhaseMode, document.get("psm")) is not None,
        energy_wh=_number(document.get("eto"), 0, 1e12),
        session_wh=_number(document.get("wh"), 0, 1e9),
        model_status=_int(document.get("modelStatus"), 0, 255),
        error=_int(document.get("err"), 0, 255),
        uptime_ms=_int(document.get("rbt"), 0, 2**63),
        reboot_count=_int(document.get("rbc"), 0, 2**32),
        access_control=_int(document.get("acs"), 0, 255),
        transaction=_int(document.get("trx"), 0, 255),
        logic_mode=_int(document.get("lmo"), 0, 255),
        use_pv_surplus=_bool(document.get("fup")),
        pause_allowed=_bool(document.get("acp")),
        firmware=_text(document.get("fwv")),
        model=model,
        serial=_text(document.get("sse")),
        energy_limit_wh=_energy_limit_wh(document),
    )


def parameters(settings: Settings) -> dict[str, str]:
    """Return the query of a write: each value as the JSON literal go-e expects."""
    return {key: json.dumps(value, allow_nan=False) for key, value in settings.keys().items()}


def safe_text(value: object, length: int = 64) -> str:
    """Return foreign text that is safe in a log or a terminal: printable, short."""
    text = "".join(char if char.isprintable() else "?" for char in str(value)[: 4 * length])
    return text[:length]


def _hardware_limit_a(document: Mapping[str, Any], model: str | None) -> int | None:
    """Return the lowest of installation maximum, cable, temperature limit, adapter and variant, in A."""
    limits = [_int(document.get("ama"), 6, 32), _int(document.get("amt"), 0, 32)]
    cable = _int(document.get("cbl"), 1, 63)
    if cable in _CABLES_A:
        limits.append(cable)
    if _bool(document.get("adi")) and not (model or "").endswith(_ALWAYS_ADAPTER):
        limits.append(16)
    if _int(document.get("var"), 0, 255) == _ELEVEN_KW:
        limits.append(16)
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _energy_limit_wh(document: Mapping[str, Any]) -> float | None:
    """Return the limit of the session's energy in Wh, infinite for `null`, None where it is not reported."""
    if "dwo" in document and document["dwo"] is None:
        return math.inf
    return _number(document.get("dwo"), 0, 1e9)


def _measured(nrg: Any) -> tuple[PerPhase | None, float | None, PerPhase | None]:
    """Return currents in A, power in W and voltages in V out of the 16 numbers of `nrg`."""
    if not isinstance(nrg, list) or len(nrg) < 12:
        return None, None, None
    values = [_number(item, -1e6, 1e6) for item in nrg[:12]]
    power_w = values[11]
    return _three(values[4:7]), power_w, _three(values[0:3])


def _three(values: list[float | None]) -> PerPhase | None:
    one, two, three = values
    if one is None or two is None or three is None:
        return None
    return one, two, three


def _number(value: Any, low: float, high: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return None
    return float(value) if math.isfinite(value) else None


def _int(value: Any, low: int, high: int) -> int | None:
    number = _number(value, low, high)
    return int(value) if number is not None and number == int(number) else None


def _bool(value: Any) -> bool | None:
    return bool(value) if isinstance(value, bool) or (value in (0, 1) and isinstance(value, int)) else None


def _text(value: Any) -> str | None:
    return safe_text(value) if isinstance(value, str) and value else None


def _enum(kind: type[_Knob], value: Any) -> _Knob | None:
    number = _int(value, 0, 2)
    return None if number is None else kind(number)
