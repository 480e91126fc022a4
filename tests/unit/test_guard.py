"""The second fence: what may never leave, whoever asks."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.line.guard import Sight, objection


def sight(
    meter_s: float | None = 1.0,
    box_s: float | None = 5.0,
    *,
    amp: int | None = 10,
    frc: int | None = 2,
    psm: int | None = 1,
    gap_s: float | None = None,
) -> Sight:
    """Return what is seen; without arguments a car charges with 10 A on one phase and all is fresh."""
    return Sight(meter_s, box_s, {"amp": amp, "frc": frc, "psm": psm}, gap_s)


def passes(keys: Mapping[str, Any], seen: Sight, max_a: int = 16) -> bool:
    return objection(keys, seen, max_a) is None


BLIND = sight(None, None)


# -- the message itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys",
    [
        {"amp": 6},
        {"amp": 16},
        {"frc": 1},
        {"frc": 2, "amp": 6},
        {"psm": 1},
        {"psm": 2},
        {"amp": 6, "psm": 1},
        {"amp": 16, "frc": 2, "psm": 2},
    ],
)
def test_the_messages_of_the_project_pass(keys: dict[str, int]) -> None:
    """Everything the gate ever builds is let through when all is fresh."""
    assert passes(keys, sight())


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"amp": 5},
        {"amp": 0},
        {"amp": -6},
        {"amp": 17},
        {"amp": 33},
        {"amp": 10.0},
        {"amp": "10"},
        {"amp": True},
        {"amp": None},
        {"amp": float("nan")},
        {"frc": 0},
        {"frc": 3},
        {"frc": 0, "amp": 6},
        {"frc": True},
        {"frc": 1.0},
        {"frc": "1"},
        {"frc": 1, "amp": 6},  # a stop is sent alone
        {"frc": 1, "psm": 1},
        {"frc": 2},  # a start carries its current
        {"frc": 2, "psm": 2},
        {"psm": 0},  # auto hands control away
        {"psm": 3},
        {"psm": 2.0},
        {"amp": 6, "ama": 32},
        {"tcl": 16},
        {"oct": 1},
        {"rst": 1},
        {"cae": 0},
        {"amp": 6, "frc": 2, "trx": 1},
        {"AMP": 6},
    ],
)
def test_everything_else_is_refused_with_a_reason(keys: dict[str, Any]) -> None:
    """Foreign keys, odd types, odd values: none of them leaves, however fresh the data."""
    text = objection(keys, sight(), 16)
    assert text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("max_a", "amp", "fine"), [(16, 16, True), (16, 17, False), (32, 32, True), (40, 33, False)]
)
def test_the_installers_maximum_is_the_top(max_a: int, amp: int, fine: bool) -> None:
    """Never above what is configured, and never above 32 whatever is configured."""
    assert passes({"amp": amp}, sight(), max_a) is fine


VALUES = st.one_of(
    st.integers(-5, 60),
    st.sampled_from([True, False, None, 1.0, 2.0, 6.0, float("nan"), float("inf"), "1", "6", "", [1], {}]),
)
KEYS = st.dictionaries(st.sampled_from(["amp", "frc", "psm", "ama", "rst", "dwo", ""]), VALUES, max_size=4)


@given(KEYS, st.integers(6, 40))
def test_whatever_passes_is_one_of_the_known_messages(keys: dict[str, Any], max_a: int) -> None:
    """Whatever is thrown at it, what passes is a whole-numbered stop, start, current or phase message."""
    if not passes(keys, sight(), max_a):
        return
    assert keys
    assert set(keys) <= {"amp", "frc", "psm"}
    assert all(type(value) is int for value in keys.values())
    assert keys.get("frc", 2) == 2 or keys == {"frc": 1}
    assert 6 <= keys.get("amp", 6) <= min(max_a, 32)
    assert keys.get("psm", 1) in (1, 2)
    assert "frc" not in keys or keys == {"frc": 1} or "amp" in keys


# -- distance ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{"frc": 1}, {"amp": 6}, {"psm": 1}])
@pytest.mark.parametrize(
    ("since_s", "gap_s", "fine"),
    [
        (None, 5.0, True),
        (5.0, 5.0, True),
        (4.0, 5.0, True),  # four fifths of the gap: rounding is no bug report
        (3.999, 5.0, False),
        (0.0, 5.0, False),
        (8.0, 10.0, True),
        (7.9, 10.0, False),
        (0.0, 0.0, True),
    ],
)
def test_messages_keep_their_distance(
    keys: dict[str, int], since_s: float | None, gap_s: float, fine: bool
) -> None:
    """Not even a stop follows another message at once."""
    assert (objection(keys, sight(gap_s=since_s), 16, gap_s) is None) is fine


# -- raises on old data -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("meter_s", "box_s", "fine"),
    [
        (20.0, 60.0, True),
        (20.001, 60.0, False),
        (20.0, 60.001, False),
        (None, 1.0, False),
        (1.0, None, False),
        (0.0, 0.0, True),
    ],
)
@pytest.mark.parametrize("keys", [{"amp": 11}, {"psm": 2}, {"amp": 6, "psm": 2}])
def test_a_raise_needs_both_to_have_spoken_lately(
    keys: dict[str, int], meter_s: float | None, box_s: float | None, fine: bool
) -> None:
    """More current or more phases: meter within 20 s, charger within 60 s, to the letter."""
    assert passes(keys, sight(meter_s, box_s)) is fine


def test_a_start_is_a_raise() -> None:
    """From off, any current is more."""
    assert passes({"frc": 2, "amp": 6}, sight(frc=1))
    assert not passes({"frc": 2, "amp": 6}, sight(None, 5.0, frc=1))
    assert not passes({"frc": 2, "amp": 6}, sight(1.0, None, frc=1))


@pytest.mark.parametrize(
    "keys", [{"frc": 1}, {"amp": 6}, {"amp": 10}, {"psm": 1}, {"amp": 9, "psm": 1}, {"amp": 6, "frc": 2}]
)
def test_what_does_not_raise_needs_no_data(keys: dict[str, int]) -> None:
    """Stops, reductions, fewer phases, parking and repeating what stands pass blind."""
    assert passes(keys, BLIND)


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ({"amp": 6}, {"amp": None}),  # lower than what? not known
        ({"amp": 11}, {"amp": 10}),
        ({"psm": 2}, {"psm": 1}),
        ({"psm": 2}, {"psm": 0}),
        ({"psm": 2}, {"psm": None}),
        ({"amp": 6, "frc": 2}, {"frc": 1}),
    ],
)
def test_blind_what_may_be_more_is_refused(keys: dict[str, int], reported: dict[str, int | None]) -> None:
    """A value the charger never reported could be lower than the new one."""
    assert not passes(keys, sight(None, None, **reported))
    assert passes(keys, sight(1.0, 1.0, **reported))


def test_three_phases_again_are_no_raise() -> None:
    """Three to three is repeating."""
    assert passes({"psm": 2, "amp": 10}, sight(None, None, psm=2))


def test_an_idle_charger_may_be_parked_blind() -> None:
    """While off, a lower current and fewer phases are no start."""
    assert passes({"amp": 6, "psm": 1}, sight(None, None, amp=16, frc=1, psm=2))
    assert not passes({"amp": 16}, sight(None, None, amp=6, frc=1))


def test_the_reason_names_what_is_wrong() -> None:
    """A refusal is a bug report: it says which key, which value, which range."""
    said = {
        "outside of 6 to 16": objection({"amp": 17}, sight(), 16),
        "outside of 6 to 32": objection({"amp": 33}, sight(), 40),
        "'ama'": objection({"amp": 6, "ama": 32}, sight(), 16),
        "psm 0": objection({"psm": 0}, sight(), 16),
        "sent alone": objection({"frc": 1, "amp": 6}, sight(), 16),
        "frc 0 is never sent": objection({"frc": 0}, sight(), 16),
        "left 1.2 s ago": objection({"amp": 6}, sight(gap_s=1.24), 16),
        "meter": objection({"amp": 11}, sight(21.0, 1.0), 16),
        "charger": objection({"amp": 11}, sight(1.0, 61.0), 16),
    }
    assert {words for words, text in said.items() if words not in str(text)} == set()


def test_the_usual_gap_is_five_seconds() -> None:
    """Without a configured gap four seconds are enough and less is not."""
    assert objection({"amp": 6}, sight(gap_s=4.0), 16) is None
    assert objection({"amp": 6}, sight(gap_s=3.9), 16) is not None


# -- the energy limit -------------------------------------------------------------------------------------


def leashed(**change: Any) -> Sight:
    """Return what is seen with a leash of 3 kWh on a car that has 1 kWh; the user had a limit of 20 kWh."""
    return dataclasses.replace(
        sight(), **{"session_wh": 1000.0, "leash_wh": 3000.0, "theirs_wh": 20_000.5, **change}
    )


@pytest.mark.parametrize(
    "keys",
    [
        {"dwo": 4000},
        {"dwo": 0},
        {"dwo": 20_000.5},
        {"amp": 6, "frc": 2, "dwo": 4000},
        {"amp": 6, "psm": 1, "dwo": 20_000.5},
    ],
)
def test_the_messages_of_the_leash_pass(keys: dict[str, Any]) -> None:
    """Up to the leash beyond what the charger counts, and back to what the user had; in company or alone."""
    assert passes(keys, leashed())


@pytest.mark.parametrize(
    ("keys", "change"),
    [
        ({"dwo": 4000}, {"leash_wh": None, "theirs_wh": None}),
        ({"dwo": None}, {"leash_wh": None, "theirs_wh": None}),
        ({"dwo": 4000}, {"leash_wh": None}),  # only back to theirs
        ({"dwo": 4001}, {}),
        ({"dwo": None}, {}),
        ({"dwo": 20_000}, {}),
        ({"dwo": 2500}, {"theirs_wh": 2000.0}),
        ({"dwo": 4000}, {"session_wh": None}),
        ({"dwo": 4000}, {"charger_age_s": 61.0}),
        ({"dwo": 4000}, {"charger_age_s": None}),
        ({"dwo": -1}, {}),
        ({"dwo": float("nan")}, {}),
        ({"dwo": True}, {}),
        ({"dwo": "4000"}, {}),
        ({"frc": 1, "dwo": 4000}, {}),
        ({"frc": 1, "dwo": 20_000.5}, {}),
        ({"dwo": 4000}, {"since_last_send_s": 1.0}),
        ({"amp": 40, "dwo": 4000}, {}),
        ({"rst": 1, "dwo": 4000}, {}),
        ({"amp": 16, "dwo": 4000}, {"meter_age_s": 30.0}),
    ],
)
def test_no_other_energy_limit_leaves(keys: dict[str, Any], change: dict[str, Any]) -> None:
    """Off, too far, no number, on old data, with a stop, too soon, or beside what is refused anyway."""
    assert not passes(keys, leashed(**change))


def test_the_first_limit_of_a_leash_passes() -> None:
    """Nothing of the user's is remembered yet; and what is refused says why."""
    assert passes({"dwo": 4000}, leashed(theirs_wh=None))
    assert passes({"dwo": 4000}, leashed(charger_age_s=60.0))
    assert passes({"dwo": 2000}, leashed(theirs_wh=2000.0))
    off = leashed(leash_wh=None, theirs_wh=None)
    assert objection({"dwo": 4000}, off, 16) == "dwo is never sent without the energy leash"
    assert objection({"dwo": -1}, leashed(), 16) == "dwo is no amount of energy"
    old = "an energy limit needs charger data of the last minute"
    assert objection({"dwo": 4000}, leashed(charger_age_s=61.0), 16) == old
    assert objection({"frc": 1, "amp": 6}, sight(), 16) == "a stop is sent alone"
    assert objection({"frc": 2}, sight(), 16) == "a start carries its amp"


def test_what_the_user_had_goes_back_also_blind() -> None:
    """Without a limit, after the option was taken out, with no data at all."""
    blind = {"session_wh": None, "charger_age_s": None, "meter_age_s": None}
    assert passes({"dwo": None}, leashed(leash_wh=None, theirs_wh=float("inf"), **blind))
