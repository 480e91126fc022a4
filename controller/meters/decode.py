"""From raw registers to a reading: order, sentinels, finite, range. Invalid never becomes 0."""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from controller.errors import MeterImplausible
from controller.meters.profile import WIDTH, Condition, GridMap, Profile, Quantity, Term
from controller.model import BatteryReading, GridReading, PerPhase, PvReading
from controller.units import NOMINAL_VOLTAGE_V

Registers = Mapping[tuple[int, int], int]
"""Raw words by (function code, address)."""

VOLTAGE_V = (80.0, 280.0)
FREQUENCY_HZ = (45.0, 65.0)
SUM_TOLERANCE_W = 100.0
SUM_TOLERANCE = 0.10
DEAD_PHASE_V = 20.0
"""Below this a phase is not connected (one-phase house on a three-phase meter)."""

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
_SF_INVALID = -32768
_SF_RANGE = range(-10, 11)


@dataclass(frozen=True, slots=True)
class Site:
    """What differs at this site from the profile."""

    reverse: bool = False
    word_order: Literal["high_first", "low_first"] | None = None
    byte_order: Literal["big", "little"] | None = None
    max_power_w: float = 60_000.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the words of a value are, most significant first, and what they may hold but mean nothing by."""

    places: tuple[tuple[int, int], ...]
    words: struct.Struct
    number: struct.Struct
    sentinels: frozenset[int] = frozenset()

    def raw(self, words: Registers) -> bytes:
        """Return the value's bytes, most significant first."""
        return self.words.pack(*[words[place] for place in self.places])

    def value(self, raw: bytes) -> float:
        """Return the number these bytes are."""
        return float(self.number.unpack(raw)[0])


class Decoder:
    """Turns registers of one profile at one site into readings; raises MeterImplausible."""

    def __init__(self, profile: Profile, site: Site) -> None:
        self.profile, self.site = profile, site
        self._layouts: dict[int, Layout] = {}  # by the identity of the term or condition in the profile

    def grid(
        self, words: Registers, taken_s: float, *, fingerprint: bytes = b"", heartbeat: bytes = b""
    ) -> GridReading:
        """Return the grid reading; what is optional and unusable is None, power must be good."""
        table = self.profile.grid
        if table is None:
            raise MeterImplausible(f"{self.profile.id} has no grid values")
        self._check(table.valid_when, words)
        voltage = self._three(table.voltage, words)
        _check_voltage(voltage)
        frequency_hz = self._optional(table.frequency, words)
        if frequency_hz is not None and frequency_hz > 100:
            frequency_hz /= 10  # some units deliver ten times the frequency
        if frequency_hz is not None and not FREQUENCY_HZ[0] <= frequency_hz <= FREQUENCY_HZ[1]:
            raise MeterImplausible(
                f"frequency {frequency_hz:.1f} Hz is no grid's; wrong word order or device?"
            )
        turn = -1.0 if self.site.reverse else 1.0
        phases = self._three(table.phase_power, words)
        if table.power:
            power_w = self._value(table.power, words) * turn
        else:
            if phases is None:
                raise MeterImplausible("no phase power is available")
            power_w = sum(phases) * turn
        self._in_range(power_w, "grid power")
        phase_w = None if phases is None else _turned(phases, turn)
        most_w = self.site.max_power_w
        if phase_w is not None and max(map(abs, phase_w)) > most_w:
            phase_w = None
        currents = self._three(table.phase_current, words)
        if currents is not None and max(map(abs, currents)) > most_w / VOLTAGE_V[0]:
            currents = None
        if voltage is not None and len(table.voltage) == 3 and min(map(abs, voltage)) <= DEAD_PHASE_V:
            phase_w = currents = None  # what flows on a phase that is not connected is not measured
        return GridReading(
            taken_s=taken_s,
            grid_import_w=power_w,
            phase_import_w=phase_w,
            phase_current_a=_signed_currents(currents, phase_w, table, turn),
            voltage_v=voltage,
            frequency_hz=frequency_hz,
            import_wh=self._optional(table.import_energy, words),
            export_wh=self._optional(table.export_energy, words),
            fingerprint=fingerprint,
            heartbeat=heartbeat,
            phases_doubtful=phase_w is not None and not _adds_up(phase_w, power_w),
        )

    def pv(self, words: Registers, taken_s: float, *, fingerprint: bytes = b"") -> PvReading:
        """Return the yield; small negatives at night are 0."""
        table = self.profile.pv
        if table is None:
            raise MeterImplausible(f"{self.profile.id} has no pv values")
        self._check(table.valid_when, words)
        try:
            power_w = self._value(table.power, words) * (-1.0 if self.site.reverse else 1.0)
        except MeterImplausible:
            if not table.asleep_is_zero:
                raise
            power_w = 0.0
        self._in_range(power_w, "pv power")
        if power_w < -200:
            raise MeterImplausible(f"pv power {power_w:.0f} W is negative; reversed?")
        return PvReading(taken_s, max(power_w, 0.0), self._optional(table.energy, words), fingerprint)

    def battery(self, words: Registers, taken_s: float, *, fingerprint: bytes = b"") -> BatteryReading:
        """Return the battery's power, positive while charging, and its state of charge in %."""
        table = self.profile.battery
        if table is None:
            raise MeterImplausible(f"{self.profile.id} has no battery values")
        self._check(table.valid_when, words)
        charge_w = self._value(table.charge_power, words) * (-1.0 if self.site.reverse else 1.0)
        self._in_range(charge_w, "battery power")
        soc_pct = self._optional(table.soc, words)
        if soc_pct is not None and not 0 <= soc_pct <= 102:
            soc_pct = None
        return BatteryReading(
            taken_s, charge_w, None if soc_pct is None else min(soc_pct, 100.0), fingerprint
        )

    def identify(self, words: Registers) -> None:
        """Raise MeterImplausible if the registers say that this is another device."""
        self._check(self.profile.identity, words)

    def _check(self, conditions: list[Condition], words: Registers) -> None:
        for condition in conditions:
            layout = self._layouts.get(id(condition)) or self._laid_out(condition)
            value = layout.value(layout.raw(words))
            fine = value in condition.equals if condition.equals else True
            if condition.low is not None or condition.high is not None:
                low = -math.inf if condition.low is None else condition.low
                high = math.inf if condition.high is None else condition.high
                fine = fine and low <= value <= high
            if not fine:
                raise MeterImplausible(f"{condition.says} (register {condition.at} is {value:g})")

    def _in_range(self, power_w: float, name: str) -> None:
        if abs(power_w) > self.site.max_power_w:
            raise MeterImplausible(f"{name} {power_w:.0f} W is beyond {self.site.max_power_w:.0f} W")

    def _value(self, quantity: Quantity, words: Registers) -> float:
        return sum(self._term(term, words) for term in quantity)

    def _optional(self, quantity: Quantity, words: Registers) -> float | None:
        if not quantity:
            return None
        try:
            return self._value(quantity, words)
        except (MeterImplausible, KeyError):
            return None

    def _three(self, phases: list[Quantity], words: Registers) -> PerPhase | None:
        """Return L1..L3; a one-phase device has zeros on the others."""
        values = [self._optional(quantity, words) for quantity in phases]
        known = [value for value in values if value is not None]
        if not phases or len(known) != len(values):
            return None
        one, two, three = known if len(known) == 3 else (known[0], 0.0, 0.0)
        return one, two, three

    def _term(self, term: Term, words: Registers) -> float:
        """Return one value with factor and sign. Raises MeterImplausible for a sentinel or NaN."""
        layout = self._layouts.get(id(term)) or self._laid_out(term)
        raw = layout.raw(words)
        if layout.sentinels and int.from_bytes(raw, "big") in layout.sentinels:
            raise MeterImplausible(f"register {term.at} says not available")
        value = layout.value(raw)
        if not math.isfinite(value):
            raise MeterImplausible(f"register {term.at} holds no finite number")
        if term.zero_is_missing and value == 0:
            raise MeterImplausible(f"register {term.at} is 0, which means missing")
        function = layout.places[0][0]
        value = (value + term.add) * term.scale * self._factor(term, function, words)
        if term.direction is not None:
            flag = words[function, term.direction.at]
            value = -abs(value) if flag in term.direction.negative else abs(value)
        return value * term.sign

    def _factor(self, term: Term, function: int, words: Registers) -> float:
        factor = 1.0
        if term.sf_at is not None:
            exponent = _unpack(words[function, term.sf_at].to_bytes(2, "big"), "int16")
            if exponent == _SF_INVALID or int(exponent) not in _SF_RANGE:
                raise MeterImplausible(f"scale factor at {term.sf_at} is {exponent:g}")
            factor = 10.0**exponent
        for ratio in term.ratio:
            factor *= self._term(ratio, words)
        return factor

    def _laid_out(self, item: Term | Condition) -> Layout:
        """Return, and keep, the layout of a term or a condition of the profile; site before profile."""
        function = item.function or self.profile.function
        places = [(function, item.at + index) for index in range(WIDTH[item.type])]
        word_order, byte_order = self.site.word_order, self.site.byte_order
        sentinels: frozenset[int] = frozenset()
        if isinstance(item, Term):
            word_order, byte_order = item.word_order or word_order, item.byte_order or byte_order
            texts = [*item.invalid, *self.profile.invalid.get(item.type, ())]
            sentinels = frozenset(int(text, 16) for text in texts)
        if (word_order or self.profile.word_order) == "low_first":
            places.reverse()
        if isinstance(item, Term) and item.high_word_at is not None:
            places = [(function, item.high_word_at), (function, item.at)]
        order = "<" if (byte_order or self.profile.byte_order) == "little" else ">"
        words, number = struct.Struct(f"{order}{len(places)}H"), struct.Struct(_FORMATS[item.type])
        layout = self._layouts[id(item)] = Layout(tuple(places), words, number, sentinels)
        return layout


def _unpack(raw: bytes, kind: str) -> float:
    return float(struct.unpack(_FORMATS[kind], raw)[0])


def _check_voltage(voltage: PerPhase | None) -> None:
    """Raise MeterImplausible if a connected phase has no grid's voltage."""
    if voltage is None:
        return
    used = [volt for volt in voltage if abs(volt) > DEAD_PHASE_V]
    if not used:
        raise MeterImplausible("no phase has a voltage: wiring, or the meter behind the gateway is gone")
    for volt in used:
        if not VOLTAGE_V[0] <= volt <= VOLTAGE_V[1]:
            raise MeterImplausible(f"voltage {volt:.4g} V is no grid's; wrong word order or device?")


def _turned(phases: PerPhase, turn: float) -> PerPhase:
    return phases[0] * turn, phases[1] * turn, phases[2] * turn


def _adds_up(phases: PerPhase, total_w: float) -> bool:
    difference = abs(sum(phases) - total_w)
    return difference <= max(SUM_TOLERANCE_W, SUM_TOLERANCE * abs(total_w))


def _signed_currents(
    currents: PerPhase | None, phase_w: PerPhase | None, table: GridMap, turn: float
) -> PerPhase | None:
    """Return currents with the sign of their phase's power: RMS currents carry none."""
    if currents is None:
        return None
    if table.currents_signed:
        return _turned(currents, turn)
    if phase_w is None:
        return None
    one, two, three = (
        math.copysign(abs(amp), watt) if abs(watt) > 0.02 * NOMINAL_VOLTAGE_V else abs(amp)
        for amp, watt in zip(currents, phase_w, strict=True)
    )
    return one, two, three
