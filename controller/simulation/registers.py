"""Physical quantities as the registers of any profile: the inverse of reading."""

import math
import struct
from collections.abc import Mapping
from typing import Any

from controller.meters.profile import WIDTH, Profile, Quantity, Term

Quantities = Mapping[str, Any]
"""Canonical names: grid_import_w, phase_import_w, phase_current_a, voltage_v, frequency_hz, import_wh,
export_wh, pv_yield_w, yield_wh, battery_charge_w, soc_pct."""

SUNSPEC_BASE = 40000
_FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "acc32": ">I",
    "float32": ">f",
    "int64": ">q",
    "uint64": ">Q",
    "float64": ">d",
}
_RANGE = {
    "int16": (-(2**15) + 1, 2**15 - 2),
    "uint16": (0, 2**16 - 2),
    "int32": (-(2**31) + 1, 2**31 - 2),
    "uint32": (0, 2**32 - 2),
    "acc32": (0, 2**32 - 2),
    "int64": (-(2**63) + 1, 2**63 - 2),
    "uint64": (0, 2**64 - 2),
}


class RegisterMap:
    """Holds the words of one device, by (function code, address)."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.words: dict[tuple[int, int], int] = {}
        for condition in self._conditions():
            value = condition.equals[0] if condition.equals else int(condition.low or condition.high or 0)
            function = condition.function or profile.function
            for index, word in enumerate(_words(value, condition.type, "high_first", "big")):
                self.words[function, condition.at + index] = word

        if profile.heartbeat is not None:
            self._put([profile.heartbeat], 0)

    def update(self, values: Quantities) -> None:
        """Write every quantity that is given and known; a plain meter given both roles shows the grid."""
        profile = self.profile
        if profile.heartbeat is not None:
            self._put([profile.heartbeat], values.get("heartbeat"))
        if profile.pv is not None and "pv_yield_w" in values:
            self._put(profile.pv.power, values["pv_yield_w"])
            self._put(profile.pv.energy, values.get("yield_wh"))
        if profile.battery is not None and "battery_charge_w" in values:
            self._put(profile.battery.charge_power, values["battery_charge_w"])
            self._put(profile.battery.soc, values.get("soc_pct"))
        if profile.grid is not None:
            grid = profile.grid
            self._put(grid.power, values.get("grid_import_w"))
            if len(grid.phase_power) == 3:  # on a one-phase meter it is the power itself
                self._put_phases(grid.phase_power, values.get("phase_import_w"))
            signed = 1 if grid.currents_signed else 0
            currents = values.get("phase_current_a")
            if currents is not None:
                self._put_phases(grid.phase_current, [c if signed else abs(c) for c in currents])
            self._put_phases(grid.voltage, values.get("voltage_v"))
            self._put(grid.frequency, values.get("frequency_hz"))
            self._put(grid.import_energy, values.get("import_wh"))
            self._put(grid.export_energy, values.get("export_wh"))

    def _conditions(self) -> list[Any]:
        found = list(self.profile.identity)
        for table in (self.profile.grid, self.profile.pv, self.profile.battery):
            found += table.valid_when if table is not None else []
        return found

    def _put_phases(self, phases: list[Quantity], values: Any) -> None:
        if values is None:
            return
        for quantity, value in zip(phases, values, strict=False):
            self._put(quantity, value)

    def _put(self, quantity: Quantity, value: float | None) -> None:
        """Write one quantity: a pair shares it by sign, a sum puts all of it into its first term."""
        if value is None or not quantity:
            return
        if len(quantity) > 1 and {term.sign for term in quantity} == {1, -1}:
            for term in quantity:
                self._put_term(term, value if (value > 0) == (term.sign > 0) else 0.0)
            return
        for index, term in enumerate(quantity):
            self._put_term(term, value if index == 0 else 0.0)

    def _put_term(self, term: Term, value: float) -> None:
        function = term.function or self.profile.function
        factor = term.scale
        if term.sf_at is not None:
            exponent = _signed(self.words.setdefault((function, term.sf_at), 0xFFFF if _fine(value) else 0))
            factor *= 10.0**exponent
        for ratio in term.ratio:
            self.words.setdefault((function, ratio.at), round(1 / ratio.scale))
        if term.direction is not None:
            negative = term.direction.negative[0]
            self.words[function, term.direction.at] = negative if value < 0 else (0 if negative else 1)
            value = abs(value)
        raw = value * term.sign / factor - term.add
        if term.type in _RANGE:
            low, high = _RANGE[term.type]
            raw = min(max(round(raw), low), high)
        if term.high_word_at is not None:
            high, low_word = _words(raw, term.type, "high_first", self.profile.byte_order)
            self.words[function, term.high_word_at], self.words[function, term.at] = high, low_word
            return
        word_order, byte_order = self.profile.word_order, self.profile.byte_order
        words = _words(raw, term.type, term.word_order or word_order, term.byte_order or byte_order)
        for at, word in enumerate(words, start=term.at):
            self.words[function, at] = word


def sunspec_chain(model: int, length: int) -> tuple[dict[tuple[int, int], int], int]:
    """Return the words of a SunSpec map with this one model, and the address where the model begins."""
    at = SUNSPEC_BASE
    words = {(3, at): 0x5375, (3, at + 1): 0x6E53, (3, at + 2): 1, (3, at + 3): 65}
    words |= {(3, at + 4 + index): 0 for index in range(65)}
    begin = at + 4 + 65
    words |= {(3, begin): model, (3, begin + 1): length}
    words |= {(3, begin + 2 + index): 0 for index in range(length)}
    words |= {(3, begin + 2 + length): 0xFFFF, (3, begin + 3 + length): 0}
    return words, begin


def _words(value: float, kind: str, word_order: str, byte_order: str) -> list[int]:
    order = "<" if byte_order == "little" else ">"
    words = list(struct.unpack(f"{order}{WIDTH[kind]}H", struct.pack(_FORMATS[kind], value)))
    if word_order == "low_first":
        words.reverse()
    return words


def _signed(word: int) -> int:
    return word - 0x10000 if word >= 0x8000 else word


def _fine(value: float) -> bool:
    """Return whether a tenth of the unit fits into 16 bits: the exponent a device would choose."""
    return math.isfinite(value) and abs(value) < 1000
