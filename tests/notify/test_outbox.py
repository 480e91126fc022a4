"""What is told and when: patience, pauses, folding, recovery; on times given here."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from controller.delivery.outbox import Outbox
from controller.delivery.wording import Message
from controller.events import Event, Turn

METER = Event("meter", "warning", "no answer", Turn.FAULT)
METER_BACK = Event("meter", "info", "meter is back after 300 s", Turn.OVER)
TOKEN = Event("token", "warning", "the token was refused", Turn.FAULT)


def told(events: dict[int, Event], until_s: int, least: str = "warning") -> list[tuple[int, Message]]:
    """Return what an outbox tells, and when, looked at every 10 s."""
    outbox, found = Outbox(least, lambda: "6 A x1"), []
    for now_s in range(0, until_s + 1, 10):
        if now_s in events:
            outbox.note(events[now_s], float(now_s), "14:03")
        if (message := outbox.due(float(now_s))) is not None:
            found.append((now_s, message))
    return found


def test_a_short_silence_concerns_nobody() -> None:
    """A meter that is away for 110 s is no message, and its return is none."""
    assert told({0: METER, 60: METER, 110: METER_BACK}, 3600) == []


def test_a_long_one_is_told_once_with_its_end() -> None:
    """After two minutes, with what the charger does and what to do; and its end ten minutes later or more."""
    found = told({0: METER, 60: METER, 660: METER, 4000: METER_BACK}, 8000)
    assert [at for at, _ in found] == [120, 4060]
    first, end = found[0][1], found[1][1]
    assert first.severity == end.severity == "warning"
    for word in ("no answer", "14:03", "Now: ", "Offered now: 6 A x1.", "Do: ", "ampilot check"):
        assert word in first.text
    assert "over" in end.title


def test_one_that_lasts_is_told_again_a_day_later() -> None:
    found = told({0: TOKEN, **{3600 * hour: TOKEN for hour in range(1, 50)}}, 50 * 3600)
    assert [at for at, _ in found] == [0, 86_400, 172_800]
    assert "(23 more of this kind)" in found[1][1].text


def test_a_flapping_fault_does_not_flood() -> None:
    """On and off every minute for a day: never more than one message in ten minutes, five in an hour."""
    events = {}
    for minute in range(0, 1440, 2):
        events[minute * 60], events[minute * 60 + 60] = TOKEN, Event("token", "info", "back", Turn.OVER)
    found = [at for at, _ in told(events, 86_400)]
    assert all(b - a >= 600 for a, b in pairwise(found))
    assert found[0] == 0


def test_a_burst_is_one_message_and_moments_are_counted() -> None:
    bug = Event("bug", "error", "decide: ZeroDivisionError")
    found = told(dict.fromkeys(range(0, 600, 10), bug), 1300)
    assert [at for at, _ in found] == [0, 600]
    assert "(58 more of this kind)" in found[1][1].text


def test_many_kinds_at_once_are_one_message_the_worst_first() -> None:
    outbox = Outbox("warning")
    for number in range(12):
        outbox.note(Event(f"kind {number}", "error" if number == 7 else "warning", "x"), 0.0, "14:03")
    message = outbox.due(0.0)
    assert message is not None
    assert "kind 7 and 11 more" in message.title
    assert "and 3 others" in message.text
    assert outbox.due(0.0) is None


def test_the_threshold_keeps_the_rest_out() -> None:
    """Channels differ: what is below is not even counted; a latched fault is an error whatever it came as."""
    latched = Event("latched_sign_flip", "warning", "the meter is turned round; ...", Turn.FAULT)
    assert told({0: Event("late", "warning", "no decision for 40 s")}, 600) == []
    assert told({0: METER}, 3600, least="error") == []
    assert [m.severity for _, m in told({0: latched}, 600, least="error")] == ["error"]
    assert len(told({0: Event("start", "info", "started")}, 600, least="info")) == 1


def test_a_plug_in_note_is_not_the_return_of_the_charger() -> None:
    """Notes of the charger's side are moments: they neither begin nor end a fault of its line."""
    fault = Event("charger", "warning", "no answer", Turn.FAULT)
    note = Event("charger", "info", "a car was plugged in")
    assert [at for at, _ in told({0: fault, 60: note}, 1000)] == [300]


KINDS = ("meter", "token", "latched_guard", "bug", "nobody knows", "\x1b[2J\nroot", "car", "charger")
event = st.builds(
    Event,
    st.sampled_from(KINDS),
    st.sampled_from(("info", "warning", "error")),
    st.text(max_size=50) | st.just("x" * 5000),
    st.sampled_from(Turn),
)


@given(st.lists(st.tuples(st.integers(0, 900), event), max_size=60), st.sampled_from(("info", "warning")))
def test_whatever_happens_it_is_bounded_and_printable(steps: list[tuple[int, Event]], least: str) -> None:
    """At most ten messages in any hour, each short and without control characters but its line breaks."""
    outbox, now_s, sent = Outbox(least), 0.0, []
    for pause_s, what in steps:
        outbox.note(what, now_s, "14:03")
        if (message := outbox.due(now_s)) is not None:
            sent.append(now_s)
            assert len(message.text) < 2500
            assert len(message.title) <= 80
            assert all(c.isprintable() or c == "\n" for c in message.text)
            assert message.title.isprintable()
            assert message.text.count("\n") <= 5  # nothing of the event's own
        now_s += pause_s
    for at in sent:
        assert sum(at <= other < at + 3600 for other in sent) <= 10


@given(st.lists(st.tuples(st.integers(1, 300), st.booleans()), min_size=1, max_size=40))
def test_the_last_word_is_true(steps: list[tuple[int, bool]]) -> None:
    """Whatever a fault did, an hour after its last change the person knows whether it is there."""
    outbox, now_s, there, knows = Outbox("warning"), 0.0, False, False
    for number in range(len(steps) + 360):
        if number < len(steps):
            pause_s, there = steps[number]
            turn = Turn.FAULT if there else Turn.OVER
            outbox.note(Event("token", "warning" if there else "info", "x", turn), now_s, "14:03")
        else:
            pause_s = 20
        if (message := outbox.due(now_s)) is not None:
            knows = "over" not in message.title
        now_s += pause_s
    assert knows is there


def test_warnings_have_five_messages_an_hour_and_errors_five_more() -> None:
    """A new kind every minute: five are told one by one, the rest waits; errors go on, ten in all."""
    warnings = {60 * n: Event(f"kind {n}", "warning", "x") for n in range(30)}
    found = told(warnings, 3500)
    assert [at for at, _ in found] == [0, 60, 120, 180, 240]
    later = told(warnings, 3700)
    assert [at for at, _ in later][5:] == [3600]
    assert "and 24 more" in later[5][1].title
    errors = {60 * n: Event(f"bad {n}", "error", "x") for n in range(10, 40)}
    both = told(warnings | {at + 10: event for at, event in errors.items()}, 3500)
    assert [at for at, _ in both] == [0, 60, 120, 180, 240, 610, 670, 730, 790, 850]
    assert all(message.severity == "error" for _, message in both[5:])


def test_fifty_kinds_are_kept_and_no_more() -> None:
    outbox = Outbox("warning")
    for number in range(300):
        outbox.note(Event(f"kind {number}", "warning", "x"), 0.0, "14:03")
    message = outbox.due(0.0)
    assert message is not None
    assert len(message.kinds) == 50
    assert "kind 299" in message.kinds


def test_a_note_beside_a_fault_is_told_beside_it() -> None:
    """Who wants everything hears of the plug-in at once, and of the fault when it has lasted."""
    fault = Event("charger", "warning", "no answer", Turn.FAULT)
    note = Event("charger", "info", "a car was plugged in")
    found = told({0: fault, 60: note}, 1000, least="info")
    assert [(at, "plugged" in message.text) for at, message in found] == [(60, True), (300, False)]


def test_the_time_is_that_of_the_beginning() -> None:
    outbox = Outbox("warning")
    outbox.note(METER, 0.0, "14:03")
    outbox.note(METER, 60.0, "14:04")
    message = outbox.due(120.0)
    assert message is not None
    assert message.text.startswith("14:03 ")
