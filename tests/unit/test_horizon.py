"""Slots of unequal length, with gaps: what holds when."""

import pytest

from controller.horizon import PriceSlot, slot_at

SLOTS = (
    PriceSlot(0.0, 3600.0, 30.0, 8.0),
    PriceSlot(3600.0, 4500.0, 10.0, 8.0),
    PriceSlot(5400.0, 6300.0, -2.0, 0.0),
)


@pytest.mark.parametrize(
    ("at_s", "price_ct"),
    [
        (-1.0, None),
        (0.0, 30.0),
        (3599.9, 30.0),
        (3600.0, 10.0),
        (4500.0, None),
        (5400.0, -2.0),
        (6300.0, None),
    ],
)
def test_a_slot_holds_from_its_begin_until_its_end_and_a_gap_is_unknown(
    at_s: float, price_ct: float | None
) -> None:
    """The last price never stands in for a missing one."""
    slot = slot_at(SLOTS, at_s)
    assert (slot.import_ct_per_kwh if slot else None) == price_ct
