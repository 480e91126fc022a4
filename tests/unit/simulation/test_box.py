"""The simulated go-e against the facts of the real one."""

import pytest

from controller.simulation.box import COMPLETE, IDLE, WAITING, Box
from controller.simulation.car import PROFILES, Car


def box_with(car: str = "ideal", **settings: object) -> Box:
    box = Box()
    for key, value in settings.items():
        assert box.set(key, value) is None
    box.plug(Car(PROFILES[car]))
    return box


def run(box: Box, seconds: int) -> None:
    for _ in range(seconds):
        box.step()


@pytest.mark.parametrize("value", [5, 33, 0, 10.5, "16", True, None])
def test_amp_outside_six_to_thirty_two_is_refused(value: object) -> None:
    """A current that is no whole number of 6 to 32 A is refused, not clamped."""
    box = Box()
    assert box.set("amp", value) is not None
    assert box.amp == 16


@pytest.mark.parametrize("key", ["fsp", "alw", "eto", "car"])
def test_read_only_keys_refuse(key: str) -> None:
    """States cannot be written."""
    assert Box().set(key, 1) is not None


def test_open_access_starts_by_itself_at_plug_in() -> None:
    """In the default mode the next car starts at the stored current."""
    box = box_with(amp=6, psm=1)
    run(box, 30)
    assert sum(box.phase_power_w) == pytest.approx(1380, rel=0.05)


def test_force_is_forgotten_at_unplug_and_amp_is_not() -> None:
    """`frc` falls back to 0 when the car leaves; `amp` and `psm` stay."""
    box = box_with(frc=1, amp=9, psm=1)
    box.unplug()
    assert (box.frc, box.amp, box.psm, box.car_state) == (0, 9, 1, IDLE)


def test_force_off_stops_within_six_seconds() -> None:
    """A stop is followed within 6 s (IEC 61851-1)."""
    box = box_with(frc=2)
    run(box, 30)
    assert sum(box.phase_power_w) > 3000
    box.set("frc", 1)
    run(box, 6)
    assert sum(box.phase_power_w) < 100
    assert box.model_status == 4


def test_access_control_comes_before_force() -> None:
    """Force-on does nothing until a transaction exists."""
    box = box_with(acs=1, frc=2)
    run(box, 30)
    assert (box.allowed, box.model_status) == (False, 2)
    box.set("trx", 0)
    assert box.allowed


def test_phase_switch_runs_the_whole_sequence() -> None:
    """One psm write: power falls to zero for at least the 10-s pilot break, then comes back on the others."""
    box = box_with(frc=2, psm=1, amp=8)
    run(box, 40)
    assert sum(box.phase_power_w) == pytest.approx(8 * 230, rel=0.05)
    box.set("psm", 2)
    powers = []
    for _ in range(60):
        box.step()
        powers.append(sum(box.phase_power_w))
    assert sum(power < 50 for power in powers) >= 10
    assert powers[-1] == pytest.approx(3 * 8 * 230, rel=0.05)
    assert box.phase_switches == 1


def test_temporary_limit_lapses_upwards() -> None:
    """`tcl` ends after ten minutes, back to `amp`: it fails high."""
    box = box_with(frc=2, tcl=6)
    run(box, 10)
    assert box.offered_a == 6
    run(box, 600)
    assert box.offered_a == 16


def test_energy_limit_stops_without_force() -> None:
    """`dwo` ends the session when the car took that much."""
    box = box_with(dwo=50)
    run(box, 120)
    assert (box.allowed, box.model_status) == (False, 6)


@pytest.mark.parametrize("beats", [False, True])
def test_energy_limit_under_force(beats: bool) -> None:
    """With `frc=2` it depends on the firmware, which nobody has documented; raised, it charges on."""
    box = box_with(frc=2, dwo=50)
    box.limit_beats_force = beats
    run(box, 120)
    assert (box.allowed, box.model_status) == ((False, 6) if beats else (True, 3))
    box.dwo = None
    run(box, 60)
    assert (box.allowed, box.model_status, box.car_state) == (True, 3, 2)
    box.frc, box.dwo = 1, 50
    assert (box.allowed, box.model_status) == (False, 4)


def test_a_session_that_begins_anew_keeps_its_limit() -> None:
    """`wh` falls to 0 with the car there, and the limit counts from there; the lifetime counter goes on."""
    box = box_with(dwo=50)
    run(box, 120)
    before_wh = box.eto_wh
    box.lose_session()
    assert (box.wh, box.dwo, box.allowed) == (0.0, 50, True)
    run(box, 120)
    assert box.allowed is False
    assert box.eto_wh - before_wh == pytest.approx(50, abs=8)


def test_offer_is_the_least_of_all_limits() -> None:
    """Installation, temperature and cable bound what is offered, not what is accepted as `amp`."""
    box = box_with(frc=2, amp=32)
    run(box, 1)
    assert box.offered_a == 16
    box.amt = 10
    assert box.offered_a == 10


def test_reboot_keeps_settings_and_counts() -> None:
    """A restart is dark for half a minute; `rbc` rises, `rbt` begins anew, settings stay."""
    box = box_with(frc=2, amp=10)
    count = box.rbc
    box.reboot()
    run(box, 5)
    assert (box.rbc, box.amp, box.allowed) == (count + 1, 10, False)
    assert box.status()["rbt"] < 10_000


def test_pause_not_allowed_keeps_charging() -> None:
    """With `acp` off the box never pauses by its own logic."""
    box = box_with(lmo=4, acp=False)
    run(box, 30)
    assert (box.allowed, box.model_status) == (True, 20)


def test_energy_counters_count_what_the_car_took() -> None:
    """`eto` and `wh` grow by the energy that flowed."""
    box = box_with(frc=2, amp=16, psm=1)
    before = box.eto_wh
    run(box, 3600)
    assert box.eto_wh - before == pytest.approx(3680, rel=0.02)
    assert box.wh == pytest.approx(box.eto_wh - before)


@pytest.mark.parametrize(
    ("car", "amp", "power_w"),
    [
        ("ideal", 16, 11_040),
        ("two_phase", 10, 4_600),
        ("one_phase", 10, 2_300),
        ("undershoots", 10, 9.6 * 690),
        ("overshoots", 10, 10.3 * 690),
        ("zoe", 6, 0),
        ("zoe", 8, 8 * 690),
    ],
)
def test_cars_draw_what_their_kind_draws(car: str, amp: int, power_w: float) -> None:
    """Each kind of car has its phases, its least current and its offset."""
    box = box_with(car, frc=2, amp=amp, psm=2)
    run(box, 90)
    assert sum(box.phase_power_w) == pytest.approx(power_w, rel=0.03, abs=5)


def test_a_phev_sleeps_after_five_interruptions() -> None:
    """Some cars give up after a handful of pauses."""
    box = box_with("phev", frc=2)
    for _ in range(5):
        box.set("frc", 2)
        run(box, 30)
        box.set("frc", 1)
        run(box, 10)
    box.set("frc", 2)
    run(box, 60)
    assert sum(box.phase_power_w) == 0
    assert box.car_state == COMPLETE


def test_a_full_car_tapers_and_completes() -> None:
    """Near its need the current falls, then the car is complete."""
    box = Box()
    box.set("frc", 2)
    box.plug(Car(PROFILES["ideal"], need_wh=800))
    run(box, 900)
    assert box.car_state == COMPLETE
    assert box.wh == pytest.approx(800, abs=5)


def test_waiting_before_the_car_answers() -> None:
    """Between permission and current the car is waited for."""
    box = box_with(frc=2)
    run(box, 2)
    assert box.car_state == WAITING
