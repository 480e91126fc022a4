"""What is known of a car: learned from its own behaviour or given by the config, and the words for both.

Every learned value carries a weight, the count of observations behind it. It is used only once enough of them
agree, the weight is bounded, and each unplugging takes a tenth of it: what is not seen again is forgotten and
may be learned anew, so neither a new firmware nor one bad day is for ever. Nothing in here reaches the fuse:
envelope and guard count what is *offered*, on every phase, whatever a car is believed to take of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.model import NEUTRAL_CAR, CarTraits
from controller.units import MAX_CURRENT_A, MIN_CURRENT_A

DEFAULT_KEY = "default"
"""The car of a charger that names none."""

KEPT = 0.9
"""Share of every weight that an unplugging leaves."""

PHASES_NEEDED, PHASES_MOST = 5.0, 15.0
"""Agreeing reads before the phases count, and the most that are remembered: eleven plug-ins until a car that
is only ever offered one phase is seen on three again."""

OFFSET_NEEDED, OFFSET_MOST = 6.0, 60.0
RAMP_NEEDED, RAMP_MOST = 3.0, 20.0
SEEN_TWICE = 1.5
"""Two observations, less what three plug-ins forget: for whole offers and whole pauses, which are rare."""

LIMIT_MOST, FAILING_MOST = 10.0, 6.0

OFFSET_BOUND_A = 2.0
"""More than this beside the offer is a limit or a fault, not an offset."""

CHARGE_EFFICIENCY = 0.9
"""Share of the energy at the cable that reaches the battery: evcc assumes it too, and it is the good end of
the 0.80 to 0.90 found for the cars of 2020 (M. Valle, Tu.no, 27 Nov 2020). Low currents are worse."""

_COUNTED = ("one phase", "two phases", "three phases")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and how many observations stand behind it; no weight: nothing is known."""

    value: float = 0.0
    weight: float = 0.0

    def averaged(self, seen: float, most: float) -> "Estimate":
        """Return the running mean over at most `most` observations."""
        weight = min(self.weight + 1.0, most)
        return Estimate(self.value + (seen - self.value) / weight, weight)

    def voted(self, seen: float, most: float) -> "Estimate":
        """Return it after a vote: the same value gains one, another takes two and wins when none is left."""
        if seen == self.value and self.weight >= most:
            return self
        if self.weight <= 0 or seen == self.value:
            return Estimate(seen, min(self.weight + 1.0, most))
        left = self.weight - 2.0
        return Estimate(self.value, left) if left >= 1.0 else Estimate(seen, 1.0)

    def faded(self) -> "Estimate":
        """Return it a plug-in older."""
        return Estimate(self.value, self.weight * KEPT) if self.weight else self


@dataclass(frozen=True, slots=True)
class CarRecord:
    """All that was learned of one car; currents in A, `ramp_s` in s.

    `refused_a` is the largest current it draws nothing at, `accepted_a` the smallest it was seen to draw at,
    `most_a` what it draws where more is offered. `failing` counts pauses in a row it did not resume from.
    `proven_w` is the most power it ever drew for a while; what takes less later is told by `most_a`.
    """

    key: str = DEFAULT_KEY
    phases: Estimate = Estimate()
    refused_a: Estimate = Estimate()
    accepted_a: Estimate = Estimate()
    ramp_s: Estimate = Estimate()
    offset_a: Estimate = Estimate()
    most_a: Estimate = Estimate()
    resumed: int = 0
    failed: int = 0
    failing: float = 0.0
    proven_w: float = 0.0

    def faded(self) -> "CarRecord":
        """Return it a plug-in older."""
        accepted_a = self.accepted_a.faded()
        return CarRecord(
            self.key,
            self.phases.faded(),
            self.refused_a.faded(),
            accepted_a if accepted_a.weight >= 0.5 else Estimate(),
            self.ramp_s.faded(),
            self.offset_a.faded(),
            self.most_a.faded(),
            self.resumed,
            self.failed,
            self.failing * KEPT,
            self.proven_w,
        )

    def columns(self) -> dict[str, str | int | float]:
        """Return it as columns of a table, the weights as `<name>_n`."""
        row: dict[str, str | int | float] = {"key": self.key}
        for name in _ESTIMATES:
            estimate: Estimate = getattr(self, name)
            row |= {name: float(estimate.value), f"{name}_n": float(estimate.weight)}
        counts = {"resumed": self.resumed, "failed": self.failed, "failing": float(self.failing)}
        return row | counts | {"proven_w": float(self.proven_w)}

    @classmethod
    def of(cls, row: Mapping[str, str | int | float]) -> "CarRecord":
        """Return the record of such columns."""
        estimates = {name: Estimate(float(row[name]), float(row[f"{name}_n"])) for name in _ESTIMATES}
        resumed, failed = int(row["resumed"]), int(row["failed"])
        return cls(
            key=str(row["key"]),
            resumed=resumed,
            failed=failed,
            failing=float(row["failing"]),
            proven_w=float(row.get("proven_w", 0.0)),  # a ledger not opened since has no such column
            **estimates,
        )


_ESTIMATES = ("phases", "refused_a", "accepted_a", "ramp_s", "offset_a", "most_a")


@dataclass(frozen=True, slots=True)
class KnownCar:
    """A car the config names; what is None is learned. Without `card` it is the one no card names."""

    name: str
    card: int | None = None
    phases: int | None = None
    min_current_a: int | None = None
    max_current_a: int | None = None
    survives_pauses: bool | None = None
    battery_kwh: float | None = None
    charge_efficiency: float = CHARGE_EFFICIENCY
    assumed_soc_pct: float | None = None

    @property
    def key(self) -> str:
        """Return the key its record is kept under."""
        return key_of(self.card)


def key_of(card: int | None) -> str:
    """Return the key of the car a transaction names: a card from 1 on, else none (go-e: `trx`)."""
    return f"card {card}" if card else DEFAULT_KEY


def known_as(key: str, known: tuple[KnownCar, ...]) -> KnownCar | None:
    """Return what the config says of a car."""
    return next((car for car in known if car.key == key), None)


def traits(record: CarRecord, known: KnownCar | None) -> CarTraits:
    """Return what may be counted on: the config's word first, then what enough was seen of, rounded."""
    own = known if known is not None else KnownCar("")
    phases_used = own.phases
    if phases_used is None and record.phases.weight >= PHASES_NEEDED and record.phases.value in (1, 2, 3):
        phases_used = int(record.phases.value)
    min_current_a = own.min_current_a
    if min_current_a is None and record.refused_a.weight >= SEEN_TWICE:
        least_a = min(max(record.refused_a.value + 1, MIN_CURRENT_A), MAX_CURRENT_A)
        min_current_a = int(least_a) if least_a > MIN_CURRENT_A else None
    max_draw_a = None if own.max_current_a is None else float(own.max_current_a)
    if max_draw_a is None and record.most_a.weight >= SEEN_TWICE:
        max_draw_a = round(min(max(record.most_a.value, 1.0), float(MAX_CURRENT_A)), 1)
    offset_a = 0.0
    if record.offset_a.weight >= OFFSET_NEEDED:
        offset_a = round(min(max(record.offset_a.value, -OFFSET_BOUND_A), OFFSET_BOUND_A), 1) + 0.0
    result = CarTraits(
        name=own.name,
        phases_used=phases_used,
        min_current_a=min_current_a,
        max_draw_a=max_draw_a,
        max_current_a=own.max_current_a,
        draw_offset_a=offset_a,
        ramp_s=round(max(record.ramp_s.value, 0.0), 1) if record.ramp_s.weight >= RAMP_NEEDED else None,
        survives_pauses=_survives(record, own),
        proven_w=None if own.phases is not None else record.proven_w,
    )
    return NEUTRAL_CAR if result == NEUTRAL_CAR else result


def _survives(record: CarRecord, own: KnownCar) -> bool | None:
    if own.survives_pauses is not None:
        return own.survives_pauses
    if record.failing >= SEEN_TWICE:
        return False
    return True if record.resumed > 0 and record.failing < 0.5 else None


def describe(record: CarRecord, known: KnownCar | None) -> str:
    """Return a car in plain words, learned and given alike."""
    own = traits(record, known)
    parts = []
    if own.phases_used is not None:
        parts.append(_COUNTED[own.phases_used - 1])
    if own.min_current_a is not None or (record.accepted_a.weight and record.accepted_a.value <= 6):
        parts.append(f"at least {own.min_current_a or MIN_CURRENT_A} A")
    if own.max_draw_a is not None:
        parts.append(f"at most {own.max_draw_a:g} A")
    if record.proven_w:
        parts.append(f"seen to take {record.proven_w / 1000:.1f} kW")
    if record.offset_a.weight >= OFFSET_NEEDED:
        parts.append(_offset(own.draw_offset_a))
    if own.ramp_s is not None:
        parts.append(f"follows within {own.ramp_s:.0f} s")
    if own.survives_pauses is not None:
        again = "resumes after pauses" if own.survives_pauses else "does not resume after pauses"
        tried = record.resumed + record.failed
        parts.append(f"{again} ({record.resumed} of {tried})" if tried else again)
    if known is not None and known.battery_kwh is not None:
        parts.append(f"battery {known.battery_kwh:g} kWh")
    text = ", ".join(parts) or "nothing learned yet"
    return f"{own.name}: {text}" if own.name else text


def learned(before: CarTraits, after: CarTraits) -> tuple[str, ...]:
    """Return what is new in the traits, a sentence each, for the record of events."""
    if before is after:
        return ()
    notes = []
    if after.phases_used != before.phases_used:
        used = None if after.phases_used is None else _COUNTED[after.phases_used - 1]
        notes.append(f"uses {used}" if used else "may use any number of phases: to be seen again")
    if after.min_current_a != before.min_current_a:
        least_a = after.min_current_a
        notes.append(f"takes nothing below {least_a} A" if least_a else "may take 6 A: to be seen again")
    if after.max_draw_a != before.max_draw_a:
        most_a = after.max_draw_a
        was_a = before.max_draw_a
        if most_a is None or was_a is None or abs(most_a - was_a) >= 0.5:
            notes.append(f"draws at most {most_a:g} A" if most_a else "draws more than it did before")
    if abs(after.draw_offset_a - before.draw_offset_a) >= 0.15:
        notes.append(_offset(after.draw_offset_a))
    if after.survives_pauses is False and before.survives_pauses is not False:
        notes.append("does not resume after pauses: it is lowered instead of stopped from now on")
    if after.survives_pauses is not False and before.survives_pauses is False:
        notes.append("may be paused again")
    return tuple(f"this car {note}" for note in notes)


def _offset(offset_a: float) -> str:
    if not offset_a:
        return "draws what is offered"
    return f"draws {abs(offset_a):.1f} A {'less' if offset_a < 0 else 'more'} than offered"
