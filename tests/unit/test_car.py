"""Learning the car: sequences of charger reports, every number worked out by hand.

Reports come every 5 s. With the default 15 s for a command to show, a read is settled 30 s after the offer
began, so of reads at 0, 5, 10 ... s the seventh is the first that counts.
"""

from dataclasses import dataclass, field, replace

import pytest

from controller.cars.car import CarRecord, Estimate, KnownCar, describe, traits
from controller.cars.learning import Garage, bounded, garage, observe
from controller.cars.session import retry_due
from controller.limits import Limits
from controller.line.link import Link
from controller.line.pending import Knobs
from controller.model import (
    CarState,
    CarTraits,
    Ceiling,
    Charge,
    ChargerStatus,
    Command,
    Force,
    Off,
    PhaseMode,
)

LIMITS = Limits()
TOP = Ceiling(16, 16, 16, "configured maximum")


@dataclass
class Cable:
    """A car at the cable as the charger reports it: what is offered, what flows on each phase."""

    cars: Garage = field(default_factory=garage)
    now_s: float = 1000.0
    notes: list[str] = field(default_factory=list)
    card: int | None = None

    def reads(
        self,
        count: int,
        offer: Command,
        *currents: float,
        car: CarState | None = None,
        every_s: float = 5.0,
        yielded: bool = False,
        untold: bool = False,
        hardware_a: int = 16,
    ) -> CarTraits:
        """Let the charger report so often; currents on L1, L2, L3, zero where none is given."""
        drawn = (*currents, 0.0, 0.0, 0.0)[:3]
        state = car or (CarState.CHARGING if max(drawn) > 1 else CarState.WAITING)
        for _ in range(count):
            self._report(offer, drawn, state, yielded, untold, hardware_a)
            self.now_s += every_s
        return self.cars.traits

    def unplugged(self, times: int = 1) -> CarTraits:
        """Take the car away and bring it back."""
        for _ in range(times):
            self._report(Off(), (0.0, 0.0, 0.0), CarState.IDLE, False)
            self.now_s += 100.0
            self._report(Off(), (0.0, 0.0, 0.0), CarState.WAITING, False)
            self.now_s += 100.0
        return self.cars.traits

    def _report(
        self,
        offer: Command,
        drawn: tuple[float, ...],
        state: CarState,
        yielded: bool,
        untold: bool = False,
        hardware_a: int = 16,
    ) -> None:
        on = isinstance(offer, Charge)
        phases = offer.phases if on else 1
        current_a = offer.current_a if on else 6
        mode = PhaseMode.THREE if phases == 3 else PhaseMode.ONE
        force = Force.ON if on else Force.OFF
        status = ChargerStatus(
            self.now_s,
            self.now_s,
            car=state,
            requested_a=current_a,
            force=force,
            phase_mode=mode,
            allowed=on,
            current_a=(drawn[0], drawn[1], drawn[2]),
            hardware_limit_a=hardware_a,
            transaction=self.card,
        )
        connected = state is not CarState.IDLE
        knobs = Knobs(current_a, force, mode)
        told_s = self.now_s - 60.0 if untold else self.now_s
        link = Link(offer, phases, knobs, told_s=told_s, connected=connected, yielded=yielded)
        self.cars, notes = observe(self.cars, status, link, LIMITS)
        self.notes += notes


def test_a_box_whose_cable_or_heat_allows_nothing_says_nothing_of_the_car() -> None:
    """13 A set, 0 allowed: the car refused nothing, so where it takes no 6 A later, more is worth a try."""
    cable = Cable()
    cable.reads(20, Charge(13, 1), 13.0)
    cable.reads(5, Charge(13, 1), hardware_a=0)
    cable.reads(20, Off(), hardware_a=0)
    assert cable.reads(20, Charge(6, 1)).try_higher


# -- phases -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currents", "used"), [((8.0,), 1), ((8.0, 8.0), 2), ((8.0, 8.0, 8.0), 3), ((8.0, 0.9, 0.9), 1)]
)
def test_five_settled_reads_on_three_phases_tell_how_many_are_used(
    currents: tuple[float, ...], used: int
) -> None:
    """Six reads to settle and five that agree: known with the eleventh, not with the tenth."""
    cable = Cable()
    assert cable.reads(10, Charge(8, 3), *currents).phases_used is None
    assert cable.reads(1, Charge(8, 3), *currents).phases_used == used
    assert any("uses" in note for note in cable.notes)


def test_one_offered_phase_says_nothing_of_phases() -> None:
    """A three-phase car on one phase draws on one."""
    assert Cable().reads(200, Charge(8, 1), 8.0).phases_used is None


def test_a_full_car_that_drops_phases_is_no_one_phase_car() -> None:
    """Fewer phases than were seen since plug-in are the end of a charge."""
    cable = Cable()
    cable.reads(30, Charge(8, 3), 8.0, 8.0, 8.0)
    assert cable.reads(100, Charge(8, 3), 8.0).phases_used == 3


def test_the_most_power_it_took_for_a_while_is_kept() -> None:
    """Nothing is known of a car nobody saw; six reads settle; less later takes nothing back."""
    cable = Cable()
    assert cable.reads(6, Charge(16, 3), 10.0, 10.0, 10.0).proven_w == 0.0
    assert cable.reads(1, Charge(16, 3), 10.0, 10.0, 10.0).proven_w == 6900.0
    assert cable.reads(20, Charge(8, 3), 8.0, 8.0, 8.0).proven_w == 6900.0
    assert cable.unplugged(20).proven_w == 6900.0
    assert cable.reads(20, Charge(16, 3), 16.0, 16.0, 16.0).proven_w == 11_040.0


def test_a_car_whose_phases_are_given_need_prove_nothing() -> None:
    """Who names the phases is believed: what is offered on them counts."""
    assert traits(CarRecord(), KnownCar("Zoe", phases=3)).proven_w is None
    assert traits(CarRecord(), KnownCar("Zoe")).proven_w == 0.0


def test_another_firmware_corrects_the_phases() -> None:
    """Fifteen votes are the most; a vote against takes two, so the eighth wins and four more are trusted."""
    cable = Cable()
    cable.reads(60, Charge(8, 3), 8.0)
    cable.unplugged()  # leaves 13.5: 11.5, 9.5, 7.5, 5.5, 3.5, 1.5, then the seventh wins
    assert cable.reads(6 + 4, Charge(8, 3), 8.0, 8.0, 8.0).phases_used == 1
    assert cable.reads(2, Charge(8, 3), 8.0, 8.0, 8.0).phases_used is None
    assert cable.reads(5, Charge(8, 3), 8.0, 8.0, 8.0).phases_used == 3


def test_what_is_not_seen_again_is_forgotten() -> None:
    """A tenth goes with each plug-in: 15 x 0.9^10 = 5.2 is still trusted, 15 x 0.9^11 = 4.7 is not."""
    cable = Cable()
    cable.reads(60, Charge(8, 3), 8.0)
    assert cable.unplugged(10).phases_used == 1
    assert cable.unplugged().phases_used is None


# -- least and most current ----------------------------------------------------------------------------------


def refuses(cable: Cable, low_a: int, high_a: int) -> CarTraits:
    """Offer what it refuses for 70 s, then what it takes."""
    cable.reads(14, Charge(low_a, 1))
    return cable.reads(3, Charge(high_a, 1), float(high_a))


def test_twice_refused_and_then_taken_higher_is_the_least_current() -> None:
    """Nothing at 6 A for a minute, then 8 A drawn: once is a coincidence, twice is 7 A at least."""
    cable = Cable()
    assert refuses(cable, 6, 8).min_current_a is None
    cable.unplugged()
    assert refuses(cable, 6, 8).min_current_a == 7
    cable.unplugged()
    assert refuses(cable, 7, 9).min_current_a == 8


def test_a_full_car_refuses_nothing() -> None:
    """Nothing drawn at 6 A and at no higher offer: no lesson."""
    cable = Cable()
    for _ in range(4):
        cable.reads(30, Charge(6, 1), car=CarState.COMPLETE)
        cable.reads(30, Charge(12, 1), car=CarState.COMPLETE)
    assert cable.cars.record == CarRecord()


def test_a_car_that_wakes_long_after_the_raise_refused_nothing() -> None:
    """Three minutes at the higher offer before it draws: it had another reason to wait."""
    cable = Cable()
    for _ in range(3):
        cable.reads(14, Charge(6, 1))
        cable.reads(36, Charge(8, 1))
        cable.reads(4, Charge(8, 1), 8.0)
    assert cable.cars.traits.min_current_a is None


def test_measured_zeros_of_a_charging_car_are_not_believed() -> None:
    """Some firmware reports zeros while it says that the car charges: no refusal."""
    cable = Cable()
    for _ in range(3):
        cable.reads(20, Charge(6, 1), car=CarState.CHARGING)
        cable.reads(4, Charge(8, 1), 8.0)
    assert cable.cars.traits.min_current_a is None


def test_a_current_drawn_after_all_is_no_longer_refused() -> None:
    """Learned 7 A at least; two offers of 6 A that are drawn (1.9, 0.95, 0) take it back."""
    cable = Cable()
    refuses(cable, 6, 8)
    cable.unplugged()
    assert refuses(cable, 6, 8).min_current_a == 7
    assert cable.reads(10, Charge(6, 1), 6.0).min_current_a is None


def test_a_refused_low_offer_may_be_raised_three_times() -> None:
    """After a minute of nothing a higher offer is worth a try; three tries, and none from 10 A on."""
    cable = Cable()
    assert not cable.reads(12, Charge(6, 1)).try_higher
    assert cable.reads(1, Charge(6, 1)).try_higher
    for tried_a in (7, 8):
        assert not cable.reads(12, Charge(tried_a, 1)).try_higher
        assert cable.reads(2, Charge(tried_a, 1)).try_higher
    assert not cable.reads(40, Charge(9, 1)).try_higher
    assert not cable.reads(40, Charge(6, 1)).try_higher


def test_a_refused_10_a_ends_the_tries() -> None:
    """Where 10 A was refused no lower offer is raised either, until the car draws again."""
    cable = Cable()
    cable.reads(20, Charge(10, 1))
    assert not cable.reads(20, Charge(6, 1)).try_higher
    cable.reads(5, Charge(10, 1), 10.0)
    assert cable.reads(20, Charge(6, 1)).try_higher


def test_two_offers_drawn_short_of_show_the_most_current() -> None:
    """13 A of 16 and of 15: at most 13 A, and a set-point of 16 A is priced as 13."""
    cable = Cable()
    assert cable.reads(20, Charge(16, 3), 13.0, 13.0, 13.0).max_draw_a is None
    known = cable.reads(20, Charge(15, 3), 13.1, 13.1, 13.1)
    assert known.max_draw_a == pytest.approx(13.05, abs=0.06)
    assert known.draw_w(Charge(16, 3), 230.0) == pytest.approx(13.05 * 3 * 230, abs=0.06 * 690)
    assert cable.reads(20, Charge(16, 3), 16.0, 16.0, 16.0).max_draw_a is None


def test_the_taper_at_the_end_is_no_limit() -> None:
    """A car that drew 16 A and then less and less has no limit of 10 A."""
    cable = Cable()
    cable.reads(20, Charge(16, 1), 16.0)
    for drawn_a in (13.0, 10.0, 7.0):
        cable.reads(20, Charge(16, 1), drawn_a)
        cable.reads(20, Charge(15, 1), drawn_a)
    assert cable.cars.traits.max_draw_a is None


# -- ramp and offset -----------------------------------------------------------------------------------------


def test_offset_is_the_mean_beside_the_offer() -> None:
    """5.8 A and 5.6 A of 6 in turn: 0.3 A less, known after six settled reads."""
    cable = Cable()
    cable.reads(6, Charge(6, 1), 5.7)
    for _ in range(2):
        cable.reads(1, Charge(6, 1), 5.8)
        cable.reads(1, Charge(6, 1), 5.6)
    assert cable.cars.traits.draw_offset_a == 0.0
    cable.reads(1, Charge(6, 1), 5.8)
    known = cable.reads(1, Charge(6, 1), 5.6)
    assert known.draw_offset_a == -0.3
    assert known.draw_w(Charge(10, 3), 230.0) == pytest.approx(9.7 * 690)


def test_ramp_is_the_time_to_nine_tenths_of_a_change() -> None:
    """The change lies 2.5 s before the read that shows it; 9.7 A (9.6 is 90 %) two reads later: 12.5 s."""
    cable = Cable()
    cable.reads(20, Charge(6, 1), 6.0)
    for offer_a, currents in ((10, (6.0, 8.0, 9.7)), (6, (9.7, 8.0, 6.2)), (12, (6.0, 9.0, 11.6))):
        assert cable.cars.traits.ramp_s is None
        for current_a in currents:
            cable.reads(1, Charge(offer_a, 1), current_a)
        cable.reads(3, Charge(offer_a, 1), currents[-1])
    assert cable.cars.traits.ramp_s == 12.5


def test_a_step_of_one_ampere_or_a_change_not_followed_tells_no_ramp() -> None:
    """An ampere is within the noise; a change that is never followed is a limit, not a ramp."""
    cable = Cable()
    for offer_a in (6, 7, 8, 9):
        cable.reads(10, Charge(offer_a, 1), float(offer_a))
    for _ in range(4):
        cable.reads(20, Charge(16, 1), 9.0)
        cable.reads(20, Charge(9, 1), 9.0)
    assert cable.cars.record.ramp_s == Estimate()


def test_reports_after_a_long_silence_begin_anew() -> None:
    """Reads ten minutes apart are never settled, whatever they show."""
    cable = Cable()
    cable.reads(60, Charge(8, 3), 8.0, every_s=600.0)
    assert cable.cars.record == CarRecord()


# -- pauses --------------------------------------------------------------------------------------------------


def test_a_car_that_comes_back_survives_pauses() -> None:
    """Drawn, stopped by us for five minutes, started, drawn again: one of one."""
    cable = Cable()
    for _ in range(3):
        cable.reads(20, Charge(10, 1), 10.0)
        cable.reads(60, Off())
        cable.reads(3, Charge(10, 1))
    known = cable.reads(4, Charge(10, 1), 10.0)
    assert known.survives_pauses is True
    assert "resumes after pauses (3 of 3)" in describe(cable.cars.record, None)


def fails_to_resume(cable: Cable) -> None:
    """Stop for five minutes, start, and wait two and a half minutes for nothing."""
    cable.reads(60, Off())
    cable.reads(31, Charge(10, 1))


def test_twice_not_resumed_is_not_paused_again() -> None:
    """After the first failure one retry, due five minutes after the start; after the second it is known."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 10.0)
    fails_to_resume(cable)
    assert (cable.cars.record.failed, cable.cars.traits.survives_pauses) == (1, None)
    assert not retry_due(cable.cars.session, cable.now_s, LIMITS)
    cable.reads(30, Charge(10, 1))
    assert retry_due(cable.cars.session, cable.now_s, LIMITS)  # 61 reads, 305 s after the start
    fails_to_resume(cable)
    assert (cable.cars.record.failed, cable.cars.traits.survives_pauses) == (2, False)
    cable.reads(100, Charge(10, 1))
    assert not retry_due(cable.cars.session, cable.now_s, LIMITS)
    assert (
        cable.notes[-1]
        == "this car does not resume after pauses: it is lowered instead of stopped from now on"
    )
    fails_to_resume(cable)
    assert cable.cars.record.failed == 2  # the same sleep is not counted for ever
    # 2 x 0.9^2 = 1.6 is still two failures, 2 x 0.9^3 = 1.46 is tried again
    assert cable.unplugged(2).survives_pauses is False
    assert cable.unplugged().survives_pauses is None


def test_a_retry_that_wakes_it_makes_it_a_resumer() -> None:
    """The second start is drawn: failures in a row are over."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 10.0)
    fails_to_resume(cable)
    cable.reads(60, Off())
    cable.reads(4, Charge(10, 1))
    cable.reads(4, Charge(10, 1), 10.0)
    record = cable.cars.record
    assert (record.resumed, record.failed, record.failing) == (1, 1, 0.0)
    assert not retry_due(cable.cars.session, cable.now_s + 1000, LIMITS)


def test_a_car_that_was_nearly_full_has_not_failed() -> None:
    """It drew 3 of 10 A when it was stopped; that it stays away says nothing."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 10.0)
    cable.reads(20, Charge(10, 1), 3.0)
    fails_to_resume(cable)
    assert cable.cars.record.failed == 0


def test_a_start_too_low_to_be_taken_is_no_failure_to_resume() -> None:
    """It drew at 10 A and is offered 6 A after the pause: that may be the current, not the pause."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 10.0)
    cable.reads(60, Off())
    cable.reads(40, Charge(6, 1))
    assert cable.cars.record.failed == 0
    cable.reads(3, Charge(10, 1), 10.0)
    record = cable.cars.record
    assert (record.resumed, record.refused_a) == (1, Estimate(6.0, 1.0))


def test_somebody_elses_stop_is_not_our_pause() -> None:
    """Stopped in the app: whether the car comes back is not counted."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 10.0)
    cable.reads(10, Off(), yielded=True)
    cable.reads(40, Charge(10, 1), yielded=True)
    assert cable.cars.record.failed == 0


def test_a_car_that_may_need_more_is_offered_more_whatever_it_drew_before_the_pause() -> None:
    """It takes 8 A and not 7, drew 5 A of 6 for a moment, and is offered 7 A after a stop: 8 are tried."""
    cable = Cable()
    cable.reads(30, Charge(7, 3))
    cable.reads(30, Charge(8, 3), 8.0, 8.0, 8.0)
    cable.unplugged()
    cable.reads(3, Charge(6, 1), 5.0)
    cable.reads(30, Off())
    assert not cable.reads(10, Charge(7, 3)).try_higher
    assert cable.reads(20, Charge(7, 3)).try_higher
    assert not cable.reads(10, Charge(8, 3), 8.0, 8.0, 8.0).try_higher


# -- more than is offered ------------------------------------------------------------------------------------


def test_over_drawing_is_lowered_by_a_step_then_stopped_until_unplug() -> None:
    """12.2 A of 10 (the band ends at 10 x 1.1 + 0.5 = 11.5) for 10 s: 9 A at most; again: nothing at all."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 11.4)
    assert bounded(TOP, cable.cars) == TOP
    cable.reads(2, Charge(10, 1), 12.2)
    assert bounded(TOP, cable.cars) == TOP
    cable.reads(1, Charge(10, 1), 12.2)
    top = bounded(TOP, cable.cars)
    assert (top.raise_one_a, top.raise_three_a, top.reduce_to_a) == (9, 9, 9)
    cable.reads(8, Charge(9, 1), 12.2)
    top = bounded(TOP, cable.cars)
    assert (top.raise_one_a, top.raise_three_a, top.reduce_to_a) == (0, 0, 0)
    assert "unplug" in top.reduce_source
    cable.reads(50, Off())
    assert bounded(TOP, cable.cars).raise_one_a == 0
    cable.unplugged()
    assert bounded(TOP, cable.cars) == TOP


def test_a_report_that_leaves_out_what_is_offered_is_held_against_no_car() -> None:
    """It draws 14 A, and what is known of the offer, 10 A, is a minute old: a raise may have arrived."""
    cable = Cable()
    cable.reads(20, Charge(10, 1), 10.0)
    cable.reads(20, Charge(10, 1), 14.0, untold=True)
    assert bounded(TOP, cable.cars) == TOP
    cable.reads(20, Charge(14, 1), 14.0)
    assert bounded(TOP, cable.cars) == TOP
    cable.reads(20, Charge(10, 1), 14.0)
    assert bounded(TOP, cable.cars).raise_one_a == 9


def test_a_car_on_its_way_down_is_not_over_drawing() -> None:
    """16 A still drawn 10 s after the offer fell to 8: it is slow, not faulty."""
    cable = Cable()
    cable.reads(20, Charge(16, 1), 16.0)
    cable.reads(2, Charge(8, 1), 15.0)
    cable.reads(20, Charge(8, 1), 8.0)
    assert bounded(TOP, cable.cars) == TOP


# -- which car, and what the config says -------------------------------------------------------------------


def test_cards_keep_cars_apart_and_a_lost_transaction_changes_nothing() -> None:
    """Card 2 is another car than no card; a transaction that vanishes in a phase change is still card 2."""
    cable = Cable()
    cable.reads(20, Charge(8, 3), 8.0)
    cable.card = 2
    cable.unplugged()
    assert (cable.cars.record.key, cable.cars.traits.phases_used) == ("card 2", None)
    cable.card = None
    assert cable.reads(20, Charge(8, 3), 8.0, 8.0, 8.0).phases_used == 3
    assert cable.cars.record.key == "card 2"
    assert cable.unplugged().phases_used == 1
    assert cable.cars.record.key == "default"


def test_the_config_settles_what_it_names() -> None:
    """Phases, currents and pauses given are taken as given, whatever is seen."""
    known = KnownCar("Zoe", 2, phases=3, min_current_a=8, max_current_a=13, survives_pauses=True)
    record = CarRecord(
        "card 2", Estimate(1.0, 15.0), Estimate(10.0, 5.0), failed=3, failing=3.0, most_a=Estimate(16.0, 9.0)
    )
    own = traits(record, known)
    assert (own.phases_used, own.min_current_a, own.max_draw_a, own.survives_pauses) == (3, 8, 13.0, True)
    cars = garage((record,), (known,))
    assert cars.traits == CarTraits(proven_w=0.0)  # the car no card names is another, and was never seen
    top = bounded(TOP, replace(cars, record=record, traits=own))
    assert (top.raise_one_a, top.raise_three_a, top.reduce_to_a) == (13, 13, 16)


def test_a_neutral_car_takes_all() -> None:
    """Nothing known: power is offer times phases; one phase of a one-phase car is a third of it."""
    assert CarTraits().draw_w(Charge(10, 3), 230.0) == 6900.0
    assert CarTraits(phases_used=1).draw_w(Charge(10, 3), 230.0) == 2300.0
    assert CarTraits(phases_used=2).draw_w(Charge(10, 1), 230.0) == 2300.0
    assert CarTraits(min_current_a=8).draw_w(Charge(7, 1)) == 0.0
    assert CarTraits().draw_w(Off()) == 0.0


def test_a_record_in_words() -> None:
    """What `check` and `explain` say of a car."""
    record = CarRecord(
        phases=Estimate(1.0, 15.0),
        accepted_a=Estimate(6.0, 4.0),
        offset_a=Estimate(-0.21, 60.0),
        resumed=12,
        proven_w=3634.0,
    )
    words = (
        "one phase, at least 6 A, seen to take 3.6 kW, draws 0.2 A less than offered, "
        "resumes after pauses (12 of 12)"
    )
    assert describe(record, None) == words
    assert describe(record, KnownCar("Leaf")) == f"Leaf: {words}"
    assert describe(CarRecord(), None) == "nothing learned yet"
    assert CarRecord.of(record.columns()) == record


def test_the_battery_of_the_config_is_told_with_the_rest() -> None:
    """It is given, never learned."""
    assert describe(CarRecord(), KnownCar("Leaf", battery_kwh=24.5)) == "Leaf: battery 24.5 kWh"
