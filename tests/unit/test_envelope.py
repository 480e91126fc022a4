"""The envelope by hand: where a raise may end, what must come down at once, and which rule says so.

Unless said otherwise: fuse 25 A, margin 2 A, so a phase may carry 23 A.
"""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.limits import Limits
from controller.line.envelope import ceiling
from controller.model import Ceiling, Charge, ChargerStatus, Command, Off, PerPhase, Quality, SiteSnapshot

LIMITS = Limits(fuse_a=25.0, fuse_margin_a=2.0, max_current_a=32, unbalance_limit_a=32)


def status(drawn_a: float | None = None, **other: object) -> ChargerStatus:
    current = None if drawn_a is None else (drawn_a, 0.0, 0.0)
    return ChargerStatus(100.0, 100.0, current_a=current, **other)  # type: ignore[arg-type]


def snap(import_a: PerPhase | None = (0.0, 0.0, 0.0), **other: object) -> SiteSnapshot:
    values: dict[str, object] = {"phase_import_a": import_a, "charger": status(0.0)}
    values |= {"grid_quality": Quality.FRESH, "charger_quality": Quality.FRESH, **other}
    return SiteSnapshot(now_s=100.0, interval_s=10.0, **values)  # type: ignore[arg-type]


def top(
    in_force: Command, seen: SiteSnapshot, *, unseen_a: int = 0, limits: Limits = LIMITS, **change: object
) -> Ceiling:
    return ceiling(seen, in_force, unseen_a, dataclasses.replace(limits, **change))  # type: ignore[arg-type]


# -- where a raise may end --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("import_a", "may_end_at"),
    [
        (0.0, 23),  # 25 - 2 - 0
        (7.0, 16),
        (7.01, 15),  # 15.99 is not 16
        (6.99, 16),
        (16.0, 7),
        (17.0, 6),  # exactly the least there is
        (17.01, 0),  # 5.99: not even 6 A
        (23.0, 0),
        (40.0, 0),
        (-5.0, 28),  # what is fed in on this phase is room
        (-9.0, 32),
        (-20.0, 32),  # never beyond the configured maximum
    ],
)
def test_a_start_fits_under_the_fuse(import_a: float, may_end_at: int) -> None:
    """House and car together stay at fuse less margin, in whole amperes rounded down."""
    found = top(Off(), snap((import_a, 0.0, 0.0)))
    assert found.raise_to_a(1) == may_end_at


def test_each_phase_in_use_counts_and_the_worst_one_binds() -> None:
    """Three phases take the fullest one; one phase looks at its own only."""
    seen = snap((2.0, 9.0, 13.0))
    found = top(Off(), seen)
    assert (found.raise_one_a, found.raise_three_a) == (21, 10)  # 23 - 2, 23 - 13
    assert found.source == "fuse of L1"
    assert top(Charge(6, 3), snap((2.0, 9.0, 13.0), charger=status(6.0))).source == "fuse of L3"


@pytest.mark.parametrize(("l1_phase", "one_a"), [(1, 21), (2, 14), (3, 10)])
def test_the_charger_may_hang_on_another_phase_of_the_house(l1_phase: int, one_a: int) -> None:
    """One phase means the one that feeds the charger's L1."""
    found = top(Off(), snap((2.0, 9.0, 13.0)), l1_phase=l1_phase)
    assert (found.raise_one_a, found.raise_three_a) == (one_a, 10)


def test_a_raise_adds_to_the_present_offer() -> None:
    """What the car draws is in the meter already: 10 A offered and drawn, 14 A imported, 9 A of room."""
    found = top(Charge(10, 1), snap((14.0, 0.0, 0.0), charger=status(10.0)))
    assert found.raise_one_a == 19  # 10 + 23 - 14


def test_phases_the_car_does_not_use_yet_start_from_nothing() -> None:
    """From one to three phases: L1 carries the car already, L2 and L3 would be new."""
    found = top(Charge(10, 1), snap((14.0, 11.0, 0.0), charger=status(10.0)))
    assert found.raise_three_a == 12  # L1: 10 + 23 - 14 = 19, L2: 23 - 11 = 12


def test_what_the_car_leaves_unused_is_room_of_its_own_phases_only() -> None:
    """10 A offered on L1, 5 drawn: L1 keeps five free, L2 and L3 owe nothing."""
    found = top(Charge(10, 1), snap((5.0, 11.0, 0.0), charger=status(5.0)))
    assert found.raise_one_a == 23  # 10 + 23 - 5 - 5
    assert found.raise_three_a == 12  # L2: 23 - 11


def test_the_source_is_of_the_phases_in_use() -> None:
    """While one phase charges, the limit of one phase is named, though three would be tighter."""
    seen = snap((18.0, 22.0, 22.0), charger=status(10.0))
    assert top(Charge(10, 1), seen).source == "fuse of L1"
    assert top(Charge(10, 3), seen).source == "fuse of L2"


def test_without_a_charger_report_all_of_the_offer_may_come_back() -> None:
    """Nothing is known of the draw: 23 - 12 of room less the 10 A that may be unused: 10 + 11 - 10."""
    assert top(Charge(10, 1), snap((12.0, 0.0, 0.0), charger=None)).raise_one_a == 11


def test_the_oven_and_the_car_too_bold() -> None:
    """House 15 A, car cut from 16 to 6 A, meter 21 A, charger still says 16: 8 A is right, not 18."""
    found = top(Charge(6, 1), snap((21.0, 0.0, 0.0), charger=status(16.0)))
    assert found.raise_one_a == 8  # 6 + 23 - 21; then 15 + 8 = 23
    assert found.reduce_to_a == 6


def test_the_oven_and_the_car_too_timid() -> None:
    """Just raised from 6 to 16 A, the charger still says 6: the car's own 10 A stop nothing."""
    found = top(Charge(16, 1), snap((21.0, 0.0, 0.0), charger=status(6.0)), unseen_a=10)
    assert found.reduce_to_a == 16


@pytest.mark.parametrize(
    ("drawn_a", "unseen_a", "may_end_at"),
    [
        (16.0, 0, 21),  # 16 + 23 - 18
        (16.0, 5, 16),  # five of them are not in the meter yet
        (11.0, 0, 16),  # the car leaves five and may take them back
        (11.0, 5, 16),  # the same five, not ten
        (11.0, 3, 16),  # the larger one counts
        (14.0, 5, 16),
        (17.5, 0, 21),  # drawing more than offered makes no room
        (None, 0, 0),  # not known: all of it may come back: 16 + 23 - 18 - 16 = 5
    ],
)
def test_what_may_still_come_is_kept_free(drawn_a: float | None, unseen_a: int, may_end_at: int) -> None:
    """Raises the meter cannot show yet and amperes the car leaves unused are no room; once, not twice."""
    found = top(Charge(16, 1), snap((18.0, 0.0, 0.0), charger=status(drawn_a)), unseen_a=unseen_a)
    assert found.raise_one_a == may_end_at


def test_the_strongest_phase_of_the_car_counts() -> None:
    """A car that uses one of three phases has not left the offer unused."""
    seen = snap(
        (12.0, 3.0, 3.0),
        charger=status(
            None,
        ),
    )
    seen = dataclasses.replace(seen, charger=ChargerStatus(100.0, 100.0, current_a=(0.0, 9.0, 0.0)))
    assert top(Charge(10, 3), seen).raise_three_a == 20  # 10 + 23 - 12 - 1


def test_without_phase_readings_the_whole_import_is_on_one() -> None:
    """2990 W are 13 A at 230 V, on whichever phase is asked."""
    found = top(Off(), snap(None, grid_import_w=2990.0))
    assert (found.raise_one_a, found.raise_three_a) == (10, 10)


def test_strict_export_gives_no_room_for_sun() -> None:
    """A vanishing sun cannot overload: feed-in counts as zero, import as ever."""
    assert top(Off(), snap((-9.0, 0.0, 0.0)), strict_export=True).raise_one_a == 23
    assert top(Off(), snap((4.0, 0.0, 0.0)), strict_export=True).raise_one_a == 19
    assert top(Off(), snap(None, grid_import_w=-4600.0), strict_export=True).raise_three_a == 23


def test_no_fuse_no_head_room_rule() -> None:
    """Where no fuse is configured only the fixed limits bind."""
    assert top(Off(), snap((90.0, 90.0, 90.0)), fuse_a=None).raise_three_a == 32
    assert top(Charge(16, 3), snap((90.0, 90.0, 90.0), charger=status(16.0)), fuse_a=None).reduce_to_a == 16
    assert top(Off(), snap(), fuse_a=None, max_current_a=40).raise_three_a == 32  # no box offers more


@pytest.mark.parametrize(
    ("config_a", "box_a", "may_end_at", "source"),
    [
        (16, None, 16, "configured maximum"),
        (16, 20, 16, "configured maximum"),
        (16, 16, 16, "configured maximum"),
        (16, 13, 13, "charger, cable or temperature"),
        (32, 20, 20, "charger, cable or temperature"),
        (16, 6, 6, "charger, cable or temperature"),
        (16, 5, 0, "charger, cable or temperature"),
        (16, 0, 0, "charger, cable or temperature"),
    ],
)
def test_the_lowest_fixed_limit_binds(config_a: int, box_a: int | None, may_end_at: int, source: str) -> None:
    """Config, installation, cable, temperature: the lowest, and below 6 A nothing."""
    seen = snap((-40.0, -40.0, -40.0), charger=status(0.0, hardware_limit_a=box_a))
    found = top(Off(), seen, max_current_a=config_a)
    assert (found.raise_one_a, found.raise_three_a, found.source) == (may_end_at, may_end_at, source)


def test_a_limit_that_shrinks_is_obeyed_at_once() -> None:
    """A thinner cable or a hot plug takes the offer down in that tick; below 6 A it is off."""
    hot = snap(charger=status(16.0, hardware_limit_a=10))
    assert top(Charge(16, 3), hot).reduce_to_a == 10
    assert top(Charge(16, 3), hot).reduce_source == "charger, cable or temperature"
    assert top(Charge(10, 3), hot).reduce_to_a == 10
    assert top(Charge(16, 3), snap(charger=status(16.0, hardware_limit_a=5))).reduce_to_a == 0
    assert top(Charge(32, 3), snap(charger=status(32.0)), max_current_a=16).reduce_to_a == 16


@pytest.mark.parametrize(("limit_a", "one_a", "three_a"), [(20, 20, 23), (16, 16, 23), (23, 23, 23)])
def test_one_phase_alone_is_held_to_the_unbalance_limit(limit_a: int, one_a: int, three_a: int) -> None:
    """20 A in Germany, 16 A in Austria and Switzerland, on one phase only."""
    found = top(Off(), snap(), unbalance_limit_a=limit_a)
    assert (found.raise_one_a, found.raise_three_a) == (one_a, three_a)


def test_too_much_on_one_phase_comes_down_to_the_unbalance_limit() -> None:
    """Somebody set 24 A on one phase: down to 20; on three phases it may stay."""
    seen = snap(charger=status(20.0))
    assert top(Charge(24, 1), seen, unbalance_limit_a=20).reduce_to_a == 20
    assert top(Charge(20, 1), seen, unbalance_limit_a=20).reduce_to_a == 20
    assert top(Charge(24, 3), seen, unbalance_limit_a=20).reduce_to_a == 24


# -- trust ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quality", [Quality.AGING, Quality.STALE, Quality.INVALID])
@pytest.mark.parametrize("which", ["grid_quality", "charger_quality"])
def test_nothing_is_raised_on_what_is_not_fresh(quality: Quality, which: str) -> None:
    """Neither meter nor charger may be older than fresh; the reason names which and how."""
    found = top(Off(), snap((-30.0, -30.0, -30.0), **{which: quality}))
    assert (found.raise_one_a, found.raise_three_a) == (0, 0)
    assert quality.name.lower() in found.source
    assert ("meter" if which == "grid_quality" else "charger") in found.source


@pytest.mark.parametrize("quality", [Quality.AGING, Quality.INVALID])
def test_doubt_holds_what_is_offered(quality: Quality) -> None:
    """Ageing or impossible readings forbid raises and demand nothing."""
    assert top(Charge(9, 1), snap(grid_quality=quality, charger=status(9.0))).reduce_to_a == 9
    assert top(Charge(9, 1), snap(charger_quality=quality, charger=status(9.0))).reduce_to_a == 9


@pytest.mark.parametrize("which", ["grid_quality", "charger_quality"])
@pytest.mark.parametrize(
    ("blind_a", "offered", "left_a"),
    [
        (0, Charge(6, 1), 0),
        (0, Charge(16, 3), 0),
        (10, Charge(16, 3), 10),
        (10, Charge(10, 3), 10),
        (10, Charge(8, 3), 8),  # blindness never raises
        (10, Off(), 0),
    ],
)
def test_blind_means_the_blind_level(which: str, blind_a: int, offered: Command, left_a: int) -> None:
    """A stale meter or charger allows `blind_a` at most, and never more than was offered."""
    found = top(offered, snap(charger=status(9.0), **{which: Quality.STALE}), blind_a=blind_a)
    assert found.reduce_to_a == left_a


def test_the_reason_of_blindness_says_since_when() -> None:
    """The age is in the text, of the meter or of the charger."""
    seen = snap(grid_quality=Quality.STALE, grid_age_s=71.6)
    assert "72 s" in top(Charge(9, 1), seen).reduce_source
    seen = snap(charger_quality=Quality.STALE, charger_age_s=130.0)
    assert "130 s" in top(Charge(9, 1), seen).reduce_source


# -- what must come down ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("import_a", "left_a"),
    [
        (23.0, 16),  # exactly fuse less margin
        (23.0000005, 16),  # rounding dust
        (23.001, 15),
        (24.0, 15),
        (24.001, 14),  # 1.001 too much takes two
        (26.0, 13),
        (33.0, 6),
        (33.001, 0),  # 5 A cannot be offered
        (60.0, 0),
        (22.9, 16),
    ],
)
def test_an_overload_takes_its_excess_off_the_offer(import_a: float, left_a: int) -> None:
    """What a phase carries beyond fuse less margin goes, rounded up; what does not fit 6 A is off."""
    found = top(Charge(16, 1), snap((import_a, 0.0, 0.0), charger=status(16.0)))
    assert found.reduce_to_a == left_a
    assert found.reduce_source == ("" if left_a == 16 else "overload of L1")


def test_the_worst_phase_in_use_sets_the_reduction() -> None:
    """On three phases the fullest one; a phase the car is not on is none of its business."""
    seen = snap((24.0, 27.0, 25.0), charger=status(16.0))
    found = top(Charge(16, 3), seen)
    assert (found.reduce_to_a, found.reduce_source) == (12, "overload of L2")  # 27 - 23 = 4
    assert top(Charge(16, 1), seen).reduce_to_a == 15
    assert top(Charge(16, 1), seen, l1_phase=3).reduce_to_a == 14
    assert top(Charge(16, 1), snap((0.0, 90.0, 90.0), charger=status(16.0))).reduce_to_a == 16


def test_an_overload_needs_no_fresh_data() -> None:
    """An ageing reading that shows too much still demands its reduction."""
    seen = snap((26.0, 0.0, 0.0), charger=status(16.0), grid_quality=Quality.AGING)
    assert top(Charge(16, 1), seen).reduce_to_a == 13


def test_without_phase_readings_an_overload_is_seen_in_the_whole() -> None:
    """5980 W are 26 A on one phase in the worst case: three too many."""
    assert top(Charge(16, 1), snap(None, grid_import_w=5980.0, charger=status(16.0))).reduce_to_a == 13


@pytest.mark.parametrize("error", [1, 3, 8, 255])
def test_a_charger_in_error_is_told_to_stop(error: int) -> None:
    """Any error the charger reports ends the offer; none or unknown does not."""
    found = top(Charge(9, 1), snap(charger=status(9.0, error=error)))
    assert (found.reduce_to_a, f"error {error}" in found.reduce_source) == (0, True)
    assert top(Charge(9, 1), snap(charger=status(9.0, error=0))).reduce_to_a == 9
    assert top(Charge(9, 1), snap(charger=status(9.0))).reduce_to_a == 9


def test_the_strictest_of_several_demands_wins_and_names_itself() -> None:
    """Hot cable 13 A, overload down to 10 A: ten, for the overload; with blindness nothing, for that."""
    seen = snap((29.0, 0.0, 0.0), charger=status(16.0, hardware_limit_a=13))
    found = top(Charge(16, 1), seen)
    assert (found.reduce_to_a, found.reduce_source) == (10, "overload of L1")
    blind = dataclasses.replace(seen, grid_quality=Quality.STALE)
    assert top(Charge(16, 1), blind).reduce_to_a == 0
    assert top(Charge(16, 1), blind).reduce_source.startswith("blind")


def test_an_offer_of_nothing_has_nothing_to_reduce() -> None:
    """While off, neither overload nor error nor blindness demands anything."""
    for seen in (
        snap((60.0, 60.0, 60.0)),
        snap(charger=status(0.0, error=5)),
        snap(grid_quality=Quality.STALE),
    ):
        found = top(Off(), seen)
        assert (found.reduce_to_a, found.reduce_source) == (0, "")


def test_nothing_known_at_all_is_no_room() -> None:
    """Before the first reading of anything: no raise, and a found offer is held, not cut."""
    seen = SiteSnapshot(100.0, 10.0, Quality.AGING, Quality.AGING)
    assert top(Off(), seen) == Ceiling(0, 0, 0, "the meter is aging", "")
    assert top(Charge(16, 3), seen).reduce_to_a == 16


# -- for any numbers --------------------------------------------------------------------------------------

CURRENTS = st.tuples(*[st.floats(-40.0, 60.0)] * 3)
OFFERS = st.one_of(st.just(Off()), st.builds(Charge, st.integers(6, 32), st.sampled_from((1, 3))))


@settings(max_examples=150, deadline=None)
@given(CURRENTS, OFFERS, st.floats(0.0, 32.0), st.integers(0, 10), st.sampled_from((1, 3)), st.integers(1, 3))
def test_no_raise_ever_fills_a_phase_beyond_fuse_less_margin(
    import_a: PerPhase, present: Command, drawn_a: float, unseen_a: int, phases: int, l1_phase: int
) -> None:
    """Import, plus what the raise adds to the phase, plus what may still come: 23 A at most."""
    seen = snap(import_a, charger=status(drawn_a))
    may_a = top(present, seen, unseen_a=unseen_a, l1_phase=l1_phase).raise_to_a(phases)
    assert may_a == 0 or 6 <= may_a <= 32
    on = {1: (l1_phase - 1,), 3: (0, 1, 2)}
    for phase in on[phases] if may_a else ():
        there = isinstance(present, Charge) and phase in on[present.phases]
        before_a = present.current_a if isinstance(present, Charge) and there else 0
        still_a = max(unseen_a, before_a - drawn_a) if there else 0.0
        assert import_a[phase] + (may_a - before_a) + still_a <= 23.0 + 1e-5


@settings(max_examples=150, deadline=None)
@given(CURRENTS, OFFERS, st.integers(0, 10), st.floats(0.0, 20.0), st.integers(0, 5))
def test_more_load_older_data_or_less_fuse_never_allow_more(
    import_a: PerPhase, present: Command, unseen_a: int, more_a: float, fewer_a: int
) -> None:
    """Every ceiling falls or stays with import, raises under way, age, and lower limits."""
    seen = snap(import_a, charger=status(16.0, hardware_limit_a=25))
    base = top(present, seen, unseen_a=unseen_a)
    heavier = dataclasses.replace(seen, phase_import_a=tuple(value + more_a for value in import_a))
    thinner = dataclasses.replace(seen, charger=status(16.0, hardware_limit_a=25 - fewer_a))
    worse = [
        top(present, heavier, unseen_a=unseen_a),
        top(present, seen, unseen_a=unseen_a + fewer_a),
        top(present, seen, unseen_a=unseen_a, fuse_a=25.0 - fewer_a),
        top(present, seen, unseen_a=unseen_a, fuse_margin_a=2.0 + more_a),
        top(present, seen, unseen_a=unseen_a, max_current_a=32 - 3 * fewer_a),
        top(present, seen, unseen_a=unseen_a, unbalance_limit_a=32 - 3 * fewer_a),
        top(present, seen, unseen_a=unseen_a, strict_export=True),
        top(present, thinner, unseen_a=unseen_a),
        *[
            top(present, dataclasses.replace(seen, **{which: quality}), unseen_a=unseen_a)
            for which in ("grid_quality", "charger_quality")
            for quality in (Quality.AGING, Quality.STALE, Quality.INVALID)
        ],
    ]
    for found in worse:
        assert found.raise_one_a <= base.raise_one_a
        assert found.raise_three_a <= base.raise_three_a
        assert found.reduce_to_a <= base.reduce_to_a
