"""The whole decision: what a strategy may do to it, and what it remembers."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.limits import Limits
from controller.line import pipeline
from controller.line.guard import Sight, objection
from controller.line.latches import Latch
from controller.model import (
    CarState,
    Charge,
    ChargerStatus,
    Decision,
    Force,
    Hold,
    Off,
    OutcomeKind,
    PhaseMode,
    Quality,
    Send,
    Settings,
    SiteSnapshot,
    Wish,
    WriteOutcome,
)

LIMITS = Limits(fuse_a=25.0)
START_S = 1000.0


class Says:
    """A strategy that answers with whatever it is given, or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def initial(self) -> Any:
        return "kept"

    def decide(self, snap: SiteSnapshot, memory: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Counts:
    """Counts its own decisions and stumbles over every third."""

    def initial(self) -> int:
        return 0

    def decide(self, snap: SiteSnapshot, memory: int) -> tuple[Wish, int]:
        if memory == 2 and snap.now_s < START_S + 40:
            raise RuntimeError("stumbled")
        return Wish(Off(), f"decision {memory}"), memory + 1


def snap(
    now_s: float = START_S, *, amp: int = 6, frc: int = 2, import_a: float = 0.0, **change: Any
) -> SiteSnapshot:
    """Return a fresh look at a car that takes what it is offered on one phase."""
    drawn_a = float(amp) if frc == 2 else 0.0
    status = ChargerStatus(
        now_s - 1,
        now_s - 1,
        car=CarState.CHARGING if drawn_a else CarState.WAITING,
        requested_a=amp,
        force=Force(frc),
        phase_mode=PhaseMode.ONE,
        power_w=drawn_a * 230.0,
        current_a=(drawn_a, 0.0, 0.0),
        hardware_limit_a=16,
    )
    values: dict[str, Any] = {"charger": status, "car_connected": True, "base_import_w": -3000.0}
    values |= {"phase_import_a": (import_a, 0.0, 0.0), "grid_import_w": import_a * 230.0}
    values |= {"grid_quality": Quality.FRESH, "charger_quality": Quality.FRESH}
    return SiteSnapshot(now_s, 10.0, **values | change)


def decide(strategy: Any, *snaps: SiteSnapshot) -> tuple[pipeline.LoopState, list[Decision]]:
    state, decisions = pipeline.initial(strategy), []
    for seen in snaps:
        state, decision = pipeline.step(state, seen, strategy, LIMITS)
        decisions.append(decision)
    return state, decisions


GOOD = Wish(Charge(9, 1), "more sun")


# -- strategies that break their contract -----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        RuntimeError("boom"),
        RecursionError(),
        MemoryError(),
        AssertionError("mine"),
        SystemExit(3),
        StopIteration(),
        None,
        16,
        "off",
        (),
        (GOOD,),
        (GOOD, None, None),
        [GOOD, None],
        ("off", None),
        (Charge(16, 3), None),
        (Wish(16, "a number"), None),  # type: ignore[arg-type]
        (Wish(None, "nothing"), None),  # type: ignore[arg-type]
        (Wish(Charge(9, 1), None), None),  # type: ignore[arg-type]
        (Wish(Charge(9, 1), b"bytes"), None),  # type: ignore[arg-type]
        (Wish(Charge(9, 1), "facts of no kind", 5), None),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_a_strategy_that_breaks_its_contract_holds_and_says_so(answer: object) -> None:
    """Nothing is raised, the offer stays, the memory stays, the fault is counted and named."""
    state, (decision,) = decide(Says(answer), snap())
    assert isinstance(decision.action, Hold)
    assert decision.wish.target == Charge(6, 1)
    assert "nothing is raised" in decision.wish.reason
    assert (state.memory, state.strategy_faults) == ("kept", 1)


def test_ctrl_c_is_not_swallowed() -> None:
    """Only the person at the keyboard gets through."""
    with pytest.raises(KeyboardInterrupt):
        decide(Says(KeyboardInterrupt()), snap())


def test_without_a_car_a_broken_strategy_wants_nothing() -> None:
    """Hold or lower: with no car that is off."""
    idle = snap(frc=0)
    assert idle.charger is not None
    idle = dataclasses.replace(idle, charger=dataclasses.replace(idle.charger, car=CarState.IDLE))
    _, (decision,) = decide(Says(RuntimeError()), idle)
    assert decision.wish.target == Off()


def test_a_broken_strategy_does_not_stand_in_the_way_of_safety() -> None:
    """An overload is commanded down in that very tick all the same: 6 A of car at 26 A are off."""
    _, (decision,) = decide(Says(RuntimeError()), snap(import_a=26.0))
    assert isinstance(decision.action, Send)
    assert (decision.action.command, decision.action.safety) == (Off(), True)


def test_what_a_strategy_says_can_always_be_written_down() -> None:
    """Broken text is mended, endless text is cut, NaN and odd keys are left out; the target stands."""
    facts = {
        "a_w": 1.5,
        "b": "text",
        "c": True,
        "nan": float("nan"),
        "inf": float("inf"),
        5: 1.0,
        "list": [1],
    }
    wish = Wish(Charge(9, 1), "sun \ud83d" + "x" * 10_000, facts)  # type: ignore[arg-type]
    _, (decision,) = decide(Says((wish, None)), snap())
    assert decision.wish.target == Charge(9, 1)
    assert decision.wish.reason.startswith("sun ?xxx")
    assert len(decision.wish.reason) == 500
    assert dict(decision.wish.facts) == {"a_w": 1.5, "b": "text", "c": True}


def test_memory_goes_in_and_comes_out_and_survives_a_stumble() -> None:
    """0, 1, then a fault that keeps the 2, then on from there."""
    state, decisions = decide(Counts(), *[snap(START_S + 10 * n) for n in range(6)])
    assert [d.wish.reason for d in decisions[:2]] == ["decision 0", "decision 1"]
    assert "RuntimeError" in decisions[2].wish.reason
    assert decisions[4].wish.reason == "decision 2"
    assert (state.memory, state.strategy_faults) == (4, 2)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[object, float, Quality, Quality]]:
    """Return ticks: what the strategy says, what the fullest phase carries, how good the data is."""
    wishes = st.one_of(
        st.builds(Charge, st.integers(6, 32), st.sampled_from((1, 3))),
        st.just(Off()),
        st.sampled_from([None, 16, RuntimeError()]),
    )
    worth = st.sampled_from([Quality.FRESH] * 4 + [Quality.AGING, Quality.STALE, Quality.INVALID])
    return draw(st.lists(st.tuples(wishes, st.floats(-30, 40), worth, worth), min_size=3, max_size=25))


@settings(max_examples=60, deadline=None)
@given(lives())
def test_whatever_a_strategy_wants_the_promises_hold(life: list[tuple[Any, float, Quality, Quality]]) -> None:
    """For arbitrary wishes: domain, fuse, no raise in doubt, the budget, and the second fence agrees."""
    strategy = Says(None)
    state = pipeline.initial(strategy)
    amp, frc, psm = 6, 2, 1
    sent_s: list[float] = []
    for tick, (wish, import_a, meter, box) in enumerate(life):
        now_s = START_S + 60.0 * tick
        strategy.answer = wish if isinstance(wish, RuntimeError) else (Wish(wish, "any"), None)
        seen = snap(now_s, amp=amp, frc=frc, import_a=import_a, grid_quality=meter, charger_quality=box)
        assert seen.charger is not None
        seen = dataclasses.replace(seen, charger=dataclasses.replace(seen.charger, phase_mode=PhaseMode(psm)))
        before_a = amp if frc == 2 else 0
        state, decision = pipeline.step(state, seen, strategy, LIMITS)
        if not isinstance(decision.action, Send):
            continue
        keys = decision.action.settings.keys()
        fresh = meter is Quality.FRESH and box is Quality.FRESH
        ages = (1.0, 1.0) if fresh else (None, None)
        assert objection(keys, Sight(*ages, {"amp": amp, "frc": frc, "psm": psm}, None), 16) is None
        new_a = 0 if keys.get("frc") == 1 else keys.get("amp", amp)
        new_psm = keys.get("psm", psm)
        if new_a > before_a:
            assert fresh
            assert import_a + (new_a - before_a) <= 23.0 + 1e-6
            assert new_a <= (20 if new_psm == 1 else 16)
        if not decision.action.safety:
            sent_s.append(now_s)
            assert sum(1 for at in sent_s if now_s - at < 900) <= 9
        amp, frc, psm = keys.get("amp", amp), keys.get("frc", frc), new_psm
        state = pipeline.answered(state, decision.action.settings, WriteOutcome(OutcomeKind.ACCEPTED))


# -- what it remembers ------------------------------------------------------------------------------------


def test_the_same_look_again_writes_nothing_again() -> None:
    """One write for one wish: the next tick waits for it to be seen."""
    strategy = Says((Wish(Charge(9, 1), "sun"), None))
    _, decisions = decide(strategy, snap(), snap(START_S + 10))
    assert isinstance(decisions[0].action, Send)
    assert isinstance(decisions[1].action, Hold)
    assert decisions[1].in_force == Charge(9, 1)


def raised(count: int, every_s: float) -> list[tuple[float, int]]:
    """Return when and by how much a strategy raised that wants one ampere more each time, seen at once."""
    state = pipeline.initial(Says(None))
    amp = 6
    for number in range(count):
        strategy = Says((Wish(Charge(amp + 1, 1), "more"), None))
        seen = snap(START_S + every_s * number, amp=amp)
        state, decision = pipeline.step(state, seen, strategy, LIMITS)
        if isinstance(decision.action, Send):
            amp += 1
    return list(state.raises_s)


def test_raises_are_remembered_for_forty_seconds() -> None:
    """Every 10 s one: at 1040 s those of 1010 to 1040 s count, the one of 1000 s is in the meter by now."""
    assert raised(5, 10.0) == [(1010.0, 1), (1020.0, 1), (1030.0, 1), (1040.0, 1)]
    assert raised(2, 39.9) == [(1000.0, 1), (1039.9, 1)]
    assert raised(2, 40.0) == [(1040.0, 1)]


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ((6, 2), Charge(9, 1), [3]),  # three amperes more
        ((6, 1), Charge(9, 1), [9]),  # from off: all of it
        ((9, 2), Charge(6, 1), []),  # less is no raise
        ((6, 2), Charge(6, 3), [6]),  # another phase begins at nothing
    ],
)
def test_how_much_of_a_move_the_meter_cannot_show_yet(
    before: tuple[int, int], after: Charge, counts: list[int]
) -> None:
    """What is added to a phase; a change of phases counts in full."""
    amp, frc = before
    strategy = Says((Wish(after, "so"), None))
    state, (decision,) = decide(strategy, snap(amp=amp, frc=frc))
    assert isinstance(decision.action, Send)
    assert [more_a for _, more_a in state.raises_s] == counts


def test_a_stop_forgets_the_raises() -> None:
    """After off, nothing is about to be added any more."""
    state, _ = decide(Says((Wish(Charge(9, 1), "sun"), None)), snap())
    assert state.raises_s
    state, decision = pipeline.step(state, snap(START_S + 20, amp=9, import_a=40.0), Says(None), LIMITS)
    assert isinstance(decision.action, Send)
    assert decision.action.command == Off()
    assert state.raises_s == ()


def test_two_raises_never_use_the_same_room() -> None:
    """15 A imported of 23: eight of room. Six are taken; 10 s later the meter still says 15: two are left."""
    strategy = Says((Wish(Charge(12, 1), "sun"), None))
    state, (first,) = decide(strategy, snap(import_a=15.0))
    assert isinstance(first.action, Send)
    assert first.action.command == Charge(12, 1)
    late = snap(START_S + 10, amp=12, import_a=15.0)
    _, second = pipeline.step(state, late, Says((Wish(Charge(16, 1), "sun"), None)), LIMITS)
    assert second.ceiling.raise_one_a == 14  # 12 + 8 - 6


def test_the_strategy_sees_what_is_in_force_and_what_may_move() -> None:
    """Not the raw look, but completed: the offer, the phases, the prices, the times."""
    seen: list[SiteSnapshot] = []

    class Looks(Says):
        def decide(self, snap: SiteSnapshot, memory: Any) -> Any:
            seen.append(snap)
            return Wish(Off(), "no sun"), None

    decide(Looks(None), snap(amp=8, car_connected=False), snap(START_S + 9, amp=8))
    assert (seen[0].in_force, seen[0].phases_set, seen[0].car_connected) == (Charge(8, 1), 1, True)
    assert seen[1].in_force == Off()  # its own stop is on its way
    assert seen[1].admissible.start_in_s == 291.0
    assert (seen[0].prices.write_ct, seen[0].prices.phase_change_ct) == (0.02, 1.5)


def test_a_yield_of_the_run_before_ends_with_a_read_of_no_car_not_with_doubt() -> None:
    """The first report does not say whether a car is there: it stays theirs; "no car" gives it back."""
    taken = dataclasses.replace(pipeline.initial(Says(None)), latched=(Latch("app", "changed by app"),))
    for car, kept in ((CarState.UNKNOWN, True), (CarState.ERROR, True), (CarState.IDLE, False)):
        look = snap()
        assert look.charger is not None
        look = dataclasses.replace(look, charger=dataclasses.replace(look.charger, car=car))
        state, decision = pipeline.step(taken, look, Says((Wish(Off(), "no sun"), None)), LIMITS)
        assert (state.latched == taken.latched) is kept
        assert isinstance(decision.action, Hold)
    assert pipeline.step(taken, dataclasses.replace(snap(), charger=None), Says(None), LIMITS)[0].latched


@pytest.mark.parametrize("kind", list(OutcomeKind))
def test_an_answer_without_a_write_changes_nothing(kind: OutcomeKind) -> None:
    """Nothing is open, nothing is answered."""
    state = pipeline.initial(Says(None))
    assert pipeline.answered(state, Settings(current_a=6), WriteOutcome(kind)) == state


def test_decisions_are_pure() -> None:
    """The same state and look give the same decision, and the state given is not touched."""
    make: Callable[[], Says] = lambda: Says((Wish(Charge(9, 1), "sun"), "memory"))  # noqa: E731
    state, _ = decide(make(), snap())
    kept = dataclasses.replace(state)
    first = pipeline.step(state, snap(START_S + 60), make(), LIMITS)
    assert pipeline.step(state, snap(START_S + 60), make(), LIMITS) == first
    assert state == kept
