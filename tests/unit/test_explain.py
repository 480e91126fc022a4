"""What `ampilot explain` says, line by line, for decisions of our own and of foreign strategies."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from controller.explain import explain
from controller.ledger.report import LastDecision

AT = datetime(2026, 6, 21, 12, 0, 0, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def decision(action: str = "hold", in_force: str = "9 A x1", **facts: Any) -> LastDecision:
    known: dict[str, Any] = {
        "car_connected": True,
        "car_power_w": 2069.6,
        "meter": "fresh",
        "meter_age_s": 0.8,
    }
    known |= {"charger": "aging", "charger_age_s": 44.4, "writes_15_min": 4}
    return LastDecision(
        AT_MS, in_force, "wish", action, "regret 0.70 of 1.02 ct", "raise to 16 A x1", known | facts
    )


def lines(
    made: LastDecision, *, age_s: float = 4.0, events: list[tuple[int, str, str]] | None = None
) -> list[str]:
    return explain(made, events or [], AT + timedelta(seconds=age_s))


def said(made: LastDecision, words: str) -> bool:
    return any(words in line for line in lines(made))


def test_the_plain_case_in_full() -> None:
    """Age, offer and draw, reason, data with ages and commands, and the ceiling: one line each."""
    found = lines(decision())
    assert found[0].endswith("4 s ago")
    assert found[1:] == [
        "Offered now: 9 A x1; the car draws 2070 W.",
        "Why: regret 0.70 of 1.02 ct.",
        "Data: meter fresh (1 s), charger aging (44 s); 4 commands in the last 15 minutes.",
        "Most that is allowed: raise to 16 A x1.",
    ]


def test_what_nobody_has_seen_is_not_said_to_be_offered() -> None:
    """A stop that may never have arrived at a charger that is not heard: the car may go on with 16 A."""
    silent = {"charger": "stale", "charger_age_s": 131.0}
    assert lines(decision(in_force="off", offer="sent", **silent))[1] == (
        "Offered: off, if it has arrived: not seen yet at the charger, read 131 s ago; "
        "then the car drew 2070 W."
    )
    assert lines(decision(offer="old", **silent))[1] == (
        "Offered when the charger was last read: 9 A x1. It was read 131 s ago; then the car drew 2070 W."
    )
    assert lines(decision(offer="seen"))[1] == "Offered now: 9 A x1; the car draws 2070 W."


def test_what_a_departure_makes_of_it_is_said() -> None:
    """What a kWh is worth and why, what is missing and until when; nothing of it where nothing is missing."""
    facts = {"value_ct_per_kwh": 31.2, "import_ct_per_kwh": 29.0, "surplus_w": -300.0}
    made = decision(**facts, worth="9.0 kWh until Thu 07:00", need_wh=9000.0, need_left_s=5.5 * 3600)
    assert said(made, "worth 31.2 ct (9.0 kWh until Thu 07:00);")
    assert "Missing until the departure in 5.5 h: 9.0 kWh. When it will charge: ampilot plan." in lines(made)
    assert not said(decision(**facts, need_wh=0.0, need_left_s=100.0), "Missing")


def test_how_full_the_car_is_stands_beside_what_it_is() -> None:
    """Where it is known and a car is there; nothing is said where it is not."""
    full = "62 % full (told by hand 5 min ago, 0.4 kWh since)"
    assert "It is 62 % full (told by hand 5 min ago, 0.4 kWh since)." in lines(decision(this_soc=full))
    assert not said(decision(this_soc=full, car_connected=False), "full")
    assert not said(decision(this_soc=""), "It is")


@pytest.mark.parametrize(("age_s", "old"), [(120.0, False), (120.1, True), (86_400.0, True)])
def test_an_old_decision_asks_whether_it_runs(age_s: float, old: bool) -> None:
    """After two minutes without a decision the service is the question."""
    assert any("systemctl status" in line for line in lines(decision(), age_s=age_s)) is old


def test_without_a_car_no_offer_is_claimed() -> None:
    """No car, or not known: no watts of it either."""
    assert said(decision(car_connected=False), "No car is connected.")
    assert not said(decision(car_connected=False), "draws")
    assert said(decision(car_power_w=None), "the car draws 0 W")


def test_a_write_is_told() -> None:
    """Only if there was one."""
    assert said(decision("send 10 A x1"), "It just said: send 10 A x1.")
    assert not said(decision("hold"), "It just said")


MONEY = {"value_ct_per_kwh": 20.0, "import_ct_per_kwh": 56.0, "surplus_w": 2345.6}
RACE = {"next": "10 A x1", "regret_ct": 0.704, "price_ct": 1.02}


def test_times_are_of_the_house_s_clock() -> None:
    """A Raspberry Pi left in London tells the time of the config's place, as `ampilot plan` does."""
    now = (AT + timedelta(seconds=4)).astimezone(ZoneInfo("Europe/Berlin"))
    found = explain(decision(), [(AT_MS, "info", "started")], now)
    assert found[0] == "21 Jun 14:00:00, 4 s ago"
    assert found[-1] == "  14:00 started"


def test_a_controller_that_was_stopped_is_not_said_to_offer_anything_now() -> None:
    """The newest event tells; after the next start it is an older one."""
    stopped, started = (AT_MS + 1000, "info", "stopped"), (AT_MS, "info", "started with strategy surplus")
    assert lines(decision(), events=[stopped, started])[1].startswith("Since then it was stopped")
    assert not any("stopped:" in line for line in lines(decision(), events=[started, stopped]))
    assert "is ampilot running" in lines(decision(), age_s=130.0, events=[started])[1]


def test_the_money_is_told_in_amounts() -> None:
    """What a kWh is worth, what import feels like, the surplus, and what going on costs, with its sign."""
    assert said(
        decision(**MONEY, running_ct_per_h=-12.34),
        "A kWh in the car is worth 20.0 ct; import feels like 56.0 ct; the surplus is 2346 W; "
        "going on as now costs -12.3 ct an hour.",
    )
    assert said(decision(**MONEY, running_ct_per_h=3.0), "costs +3.0 ct an hour")
    assert said(decision(**MONEY), "the surplus is 2346 W.")


def test_the_race_is_told_with_the_time_left() -> None:
    """How far the regret is and when it arrives; a negative one is none, no time is no promise."""
    text = "Next would be 10 A x1: regret 0.70 of 1.02 ct"
    assert said(decision(**RACE, time_left_s=49.6), text + ", in about 50 s if this holds.")
    assert said(decision(**RACE, time_left_s=0.0), text + ".")
    assert said(decision(**RACE), text + ".")
    assert said(decision(**{**RACE, "regret_ct": -0.3}), "regret 0.00 of 1.02 ct")


def test_what_holds_it_and_whose_it_is() -> None:
    """Seconds of a timer; the hand of somebody else and how to take it back."""
    assert said(decision(hold_left_s=123.4), "This holds for 123 s more.")
    assert not said(decision(), "This holds")
    assert said(decision(yielded=True), "unplug the car to hand it back")
    assert not said(decision(yielded=False), "hand it back")


def test_events_come_last_with_their_time() -> None:
    """Newest as they come from the ledger, a time before each."""
    found = lines(decision(), events=[(AT_MS, "warning", "meter: silent"), (AT_MS, "info", "started")])
    assert found[-3] == "Lately:"
    assert found[-2].endswith(" meter: silent")
    assert found[-1].endswith(" started")
    assert len(found[-1].split()[0]) == len("14:00")
    assert "Lately:" not in lines(decision())


@pytest.mark.parametrize(
    "facts",
    [
        {"value_ct_per_kwh": 20.0},
        {"value_ct_per_kwh": "cheap", "import_ct_per_kwh": 1.0, "surplus_w": 1.0},
        {**MONEY, "surplus_w": None},
        {**MONEY, "running_ct_per_h": "little"},
        {"next": "10 A x1"},
        {**RACE, "regret_ct": "much"},
        {**RACE, "time_left_s": "soon"},
        {**RACE, "price_ct": None},
        {"hold_left_s": None},
    ],
)
def test_a_foreign_strategys_facts_are_shown_or_left_out(facts: dict[str, Any]) -> None:
    """Facts of the same name but another kind break nothing: the rest is said."""
    found = lines(decision(**facts))
    assert found[1] == "Offered now: 9 A x1; the car draws 2070 W."
    assert found[-1].startswith("Most that is allowed")


def test_an_empty_ledger_of_facts_still_explains() -> None:
    """A decision without any facts says what it can."""
    bare = LastDecision(AT_MS, "off", "off: night", "hold", "night", "raise to 0 A", {})
    found = lines(bare)
    assert "No car is connected." in found
    assert any(line.startswith("Data: meter ? (0 s)") for line in found)
