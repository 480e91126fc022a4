"""A snapshot of the minutes before a departure, as the tests of `in_time` and `ready_by` need it."""

import dataclasses

from controller.model import Admissible, CarTraits, Charge, Command, Need, Quality, SiteSnapshot

FULL = Charge(16, 3)
NOW_S = 5000.0


def at(command: Command = FULL, *needs: Need, car: CarTraits = CarTraits(), **other: object) -> SiteSnapshot:  # noqa: B008
    """Return a snapshot with a car on the cable; words of `Admissible` go there."""
    fields = {field.name for field in dataclasses.fields(Admissible)}
    allowed = Admissible(**{key: value for key, value in other.items() if key in fields})  # type: ignore[arg-type]
    values: dict[str, object] = {
        "car_connected": True,
        "in_force": command,
        "phases_set": command.phases if isinstance(command, Charge) else 3,
        "needs": needs,
        "car": car,
        "admissible": allowed,
        **{key: value for key, value in other.items() if key not in fields},
    }
    return dataclasses.replace(SiteSnapshot(NOW_S, 10.0, Quality.FRESH, Quality.FRESH), **values)  # type: ignore[arg-type]
