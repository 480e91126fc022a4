"""Devices that describe themselves: walk the SunSpec chain once, then read like any other profile.

Offsets count from the model-id register; from the public SunSpec model definitions 101-103, 111-113, 201-204
and 211-214.
"""

from collections.abc import Awaitable, Callable
from typing import Literal

from controller.errors import MeterImplausible, MeterRefused
from controller.meters.profile import GridMap, Profile, PvMap, Term, WordType

MARKER = (0x5375, 0x6E53)
END = 0xFFFF
MAX_MODELS = 50
_NONE = {"int16": "0x8000", "uint16": "0xFFFF"}

ReadWords = Callable[[int, int], Awaitable[list[int]]]
"""Read holding registers: start, count."""


async def resolve(profile: Profile, read: ReadWords) -> Profile:
    """Return the profile with the addresses of this very device.

    Raises MeterImplausible if there is no SunSpec map or none of the wanted models.
    """
    wanted = profile.sunspec
    if wanted is None:
        return profile
    for base in wanted.bases:
        try:
            marker = await read(base, 2)
        except MeterRefused:
            continue
        if tuple(marker) == MARKER:
            at, model = await _find(base + 2, wanted.models, read)
            return _resolved(profile, at, model, wanted.positive)
    raise MeterImplausible("the device shows no SunSpec map; is SunSpec enabled on it?")


async def _find(at: int, models: list[int], read: ReadWords) -> tuple[int, int]:
    seen = []
    for _ in range(MAX_MODELS):
        try:
            model, length = await read(at, 2)
        except MeterRefused:
            break
        if model == END:
            break
        if model in models:
            return at, model
        seen.append(model)
        at += length + 2
    raise MeterImplausible(f"the SunSpec map holds none of the models {models}, only {seen}")


def _resolved(
    profile: Profile, at: int, model: int, positive: Literal["import", "export", "production"]
) -> Profile:
    """Return an ordinary profile for a model that begins at this address."""
    floats = model % 100 // 10 == 1
    if model < 200:
        pv = _pv_float(at) if floats else _pv_int(at)
        return profile.model_copy(update={"sunspec": None, "pv": pv})
    direction: Literal["import", "export"] = "export" if positive == "export" else "import"
    grid = _grid_float(at, direction) if floats else _grid_int(at, direction)
    return profile.model_copy(update={"sunspec": None, "grid": grid})


def _int(at: int, sf_at: int, kind: WordType = "int16", positive: str | None = None) -> Term:
    invalid = [_NONE[kind]] if kind in _NONE else []
    return Term(at=at, type=kind, sf_at=sf_at, invalid=invalid, positive=positive)  # type: ignore[arg-type]


def _float(at: int, positive: str | None = None) -> Term:
    return Term(at=at, type="float32", positive=positive)  # type: ignore[arg-type]


def _pv_int(at: int) -> PvMap:
    return PvMap(
        power=[_int(at + 14, at + 15)], energy=[_int(at + 24, at + 26, "acc32")], asleep_is_zero=True
    )


def _pv_float(at: int) -> PvMap:
    return PvMap(power=[_float(at + 22)], energy=[_float(at + 32)], asleep_is_zero=True)


def _grid_int(at: int, positive: str) -> GridMap:
    return GridMap(
        power=[_int(at + 18, at + 22, positive=positive)],
        phase_power=[[_int(at + 19 + i, at + 22, positive=positive)] for i in range(3)],
        phase_current=[[_int(at + 3 + i, at + 6)] for i in range(3)],
        voltage=[[_int(at + 8 + i, at + 15)] for i in range(3)],
        frequency=[_int(at + 16, at + 17)],
        export_energy=[_int(at + 38, at + 54, "acc32")],
        import_energy=[_int(at + 46, at + 54, "acc32")],
    )


def _grid_float(at: int, positive: str) -> GridMap:
    return GridMap(
        power=[_float(at + 28, positive)],
        phase_power=[[_float(at + 30 + 2 * i, positive)] for i in range(3)],
        phase_current=[[_float(at + 4 + 2 * i)] for i in range(3)],
        voltage=[[_float(at + 12 + 2 * i)] for i in range(3)],
        frequency=[_float(at + 26)],
        export_energy=[_float(at + 60)],
        import_energy=[_float(at + 68)],
    )
