"""One decision, all of it: snapshot in, decision out, and the state for the next.

    reconcile.observe → gate.follow → car_learning.observe → strategy.decide → envelope.ceiling → gate.admit

A day is `reduce(step, snapshots)`, so the same code runs live, in the backtest, in replay and under test.
Pure: no clock, no socket, no log. The shell around it writes what the decision says and tells the outcome.
"""

from dataclasses import dataclass, replace
from math import isfinite

from controller.cars import learning as car_learning
from controller.cars.learning import Garage
from controller.cars.session import retry_due
from controller.limits import Limits
from controller.line import (
    budget,
    envelope,
    gate,
    gate_memory,
    latches,
    leash,
    leash_write,
    reconcile,
    snapshot,
    step_response,
)
from controller.line.gate_memory import GateState
from controller.line.latches import Latch, Latched
from controller.line.leash import Leash
from controller.line.link import Link
from controller.line.step_response import Response
from controller.model import (
    Action,
    Ceiling,
    Charge,
    Command,
    Decision,
    Hold,
    Memory,
    Off,
    Prices,
    Send,
    Settings,
    SiteSnapshot,
    Strategy,
    Wish,
    WriteOutcome,
    amps,
)

TWO_CONTROLLERS = "settings were changed against ours again and again: another controller is at work"

OVER_DRAW = "the car drew more than it was offered, lowered by a step and still"

OWN_LOGIC = {4: "Eco", 5: "Daily trip"}
"""The charger's `lmo` in which it starts and stops by sun, price or schedule."""

ELECTRICAL = {
    1: "residual current, AC",
    2: "residual current, DC",
    3: "phase",
    4: "overvoltage",
    5: "overcurrent",
    6: "diode",
    7: "plug coding",
    8: "ground",
    9: "contactor stuck",
    10: "contactor missing",
}
"""The charger's `err` where both of its numberings agree: the electrical ones."""

MAX_REASON = 500
"""Characters of a reason that are kept (chosen)."""


@dataclass(frozen=True, slots=True)
class LoopState:
    """Everything a decision remembers. `raises_s` are (when, how much in A) of raises just made."""

    memory: Memory = None
    link: Link = Link()  # noqa: RUF009 - frozen
    gate: GateState = GateState()  # noqa: RUF009 - frozen
    raises_s: tuple[tuple[float, int], ...] = ()
    strategy_faults: int = 0
    cars: Garage = Garage()  # noqa: RUF009 - frozen
    latched: Latched = ()
    response: Response = Response()  # noqa: RUF009 - frozen
    leash: Leash = Leash()  # noqa: RUF009 - frozen


def initial(strategy: Strategy, cars: Garage | None = None) -> LoopState:
    """Return the state of a controller that has seen nothing but, perhaps, cars."""
    return LoopState(memory=strategy.initial(), cars=cars if cars is not None else Garage())


def step(
    state: LoopState, snap: SiteSnapshot, strategy: Strategy, limits: Limits
) -> tuple[LoopState, Decision]:
    """Decide once. Never raises for anything a strategy or a device does."""
    held = leash.stands(state.leash, snap.charger)
    link, notes = reconcile.observe(state.link, snap.charger, snap.now_s, limits, held=held)
    tied, leash_notes = leash.observe(
        state.leash, snap.charger, limits.leash_wh, connected=link.connected, now_s=snap.now_s
    )
    gate_state = gate_memory.follow(state.gate, link, state.link, snap.now_s)
    cars, car_notes = car_learning.observe(state.cars, snap.charger, link, limits)
    snap = _complete(snap, link, gate_state, cars, limits)
    wish, memory, faults = _ask(strategy, snap, state)
    retry = isinstance(link.in_force, Charge) and retry_due(cars.session, snap.now_s, limits)
    if retry:
        wish = Wish(Off(), "the car did not resume; one more stop and start may wake it")
    raises_s = tuple([item for item in state.raises_s if snap.now_s - item[0] < limits.unseen_raise_s])
    unseen_a = sum(a for _, a in raises_s)
    settled = link.last_write_s is None or (link.seen_data_s or 0.0) >= link.last_write_s + snapshot.SETTLE_S
    top = envelope.ceiling(snap, link.in_force, unseen_a, limits, asked_a=link.asked_a, settled=settled)
    top = car_learning.bounded(top, cars)
    response, missed, alarm = step_response.observe(state.response, snap, link.in_force, limits)
    notes = (*notes, *missed)
    latched = _latched(state.latched, link, snap, cars, notes)
    if alarm is not None:
        latched = latches.with_new(latched, alarm)
    wish = step_response.probing(wish, response, snap, link.in_force, limits)
    top = step_response.bounded(top, response, snap, link.in_force, limits)
    top = latches.bounded(top, latched, limits)
    plain = _admitted(gate_state, link, snap, wish, top, latched, limits)
    ours = not link.yielded and latches.yielding(latched) is None and other_logic(snap) is None
    action = leash_write.joined(plain, tied, link, gate_state.comfort_writes_s, snap, limits, ours=ours)
    tied = leash_write.remembered(tied, action, snap)
    before = link.in_force
    if isinstance(action, Send) and action.settings.limit_only:
        gate_state = gate_memory.counted(gate_state, snap.now_s)
        link = replace(link, last_write_s=snap.now_s)
    elif isinstance(action, Send) and isinstance(plain, Send):  # the limit is seen to by the leash alone
        gate_state = gate_memory.wrote(gate_state, plain, link, snap.now_s)
        if retry:  # the pause before the second try is the usual one
            gate_state = replace(gate_state, unanswered=False)
        raises_s = _with_raise(raises_s, before, plain.command, snap.now_s)
        raising = gate_memory.raises(before, plain.command)
        link = reconcile.sent(link, plain.command, plain.settings, snap.now_s, raising=raising)
    decision = Decision(snap.now_s, wish, top, action, before, notes, car_notes, leash_notes)
    return LoopState(memory, link, gate_state, raises_s, faults, cars, latched, response, tied), decision


def answered(state: LoopState, settings: Settings, outcome: WriteOutcome) -> LoopState:
    """Return the state after the answer to the write of the last decision."""
    link, tied = state.link, state.leash
    if not settings.limit_only:
        link = reconcile.answered(link, outcome)
    if settings.energy_limit_wh is not None:
        tied = leash.answered(tied, outcome.kind)
    return replace(state, link=link, leash=tied)


def latch(state: LoopState, kind: str, text: str) -> LoopState:
    """Return the state with a fault latched; one of a kind is enough."""
    latched = latches.with_new(state.latched, Latch(kind, text))
    return state if latched is state.latched else replace(state, latched=latched)


def acknowledged(state: LoopState, kinds: frozenset[str]) -> LoopState:
    """Return the state after a person acknowledged these: what they stood for begins anew."""
    link, cars = state.link, state.cars
    if "two_controllers" in kinds:
        link = replace(link, yielded=False, fight=False, overrides_s=())
    elif "app" in kinds:
        link = replace(link, yielded=False)
    if "over_draw" in kinds:
        cars = replace(cars, session=replace(cars.session, cap_a=None, over_s=None))
    judged = bool(kinds & {"sign_flip", "step_response"})
    response = Response(excused="sign_flip" in kinds) if judged else state.response
    latched = latches.without(state.latched, kinds)
    return replace(state, link=link, cars=cars, response=response, latched=latched)


def other_logic(snap: SiteSnapshot) -> str | None:
    """Return what is to be said while a logic of the charger's own decides, None while none does."""
    mode = snap.charger.logic_mode if snap.charger is not None else None
    if mode not in OWN_LOGIC:
        return None
    return f"the charger decides by itself (mode {OWN_LOGIC[mode]}). Remedy: choose Basic in the go-e app"


def _latched(
    latched: Latched, link: Link, snap: SiteSnapshot, cars: Garage, notes: tuple[str, ...]
) -> Latched:
    """Return what is latched after what the charger's side showed."""
    error = snap.charger.error if snap.charger is not None else None
    if error in ELECTRICAL:
        text = f"the charger reports error {error} ({ELECTRICAL[error]})"
        latched = latches.with_new(latched, Latch("charger_error", text))
    if cars.session.cap_a == 0:
        latched = latches.with_new(latched, Latch("over_draw", OVER_DRAW))
    if link.gone:
        latched = latches.after_unplug(latched)
    if link.fight:
        latched = latches.without(latched, frozenset({"app"}))
        latched = latches.with_new(latched, Latch("two_controllers", TWO_CONTROLLERS))
    elif link.yielded and latches.yielding(latched) is None:
        text = next((note for note in notes if "outside" in note), "settings were changed from outside")
        latched = latches.with_new(latched, Latch("app", text))
    return latched


def _admitted(
    state: GateState,
    link: Link,
    snap: SiteSnapshot,
    wish: Wish,
    top: Ceiling,
    latched: Latched,
    limits: Limits,
) -> Action:
    """Return what the gate lets through, a latched yield obeyed like one of this run."""
    theirs, logic = latches.yielding(latched), other_logic(snap)
    if theirs is None and logic is None:
        return gate.admit(state, link, snap, wish, top, limits)
    action = gate.admit(state, replace(link, yielded=True), snap, wish, top, limits)
    if isinstance(action, Hold) and theirs is None:
        return Hold(logic or "")
    if isinstance(action, Hold) and theirs is not None and theirs.kind != "app":
        return Hold(f"latched: {theirs.text}; ampilot ack {theirs.kind}")
    return action


def _complete(
    snap: SiteSnapshot, link: Link, gate_state: GateState, cars: Garage, limits: Limits
) -> SiteSnapshot:
    """Return the snapshot with the car's traits, what is in force, what may move, what a write costs now."""
    if cars.traits is not snap.car:
        snap = replace(snap, car=cars.traits)
    prices = snap.prices
    write_ct = budget.price_ct(gate_state.comfort_writes_s, snap.now_s, prices.write_ct, limits)
    return replace(
        snap,
        car_connected=link.connected,
        in_force=link.in_force,
        phases_set=link.phases_set,
        admissible=gate.admissible(gate_state, link, snap, limits),
        prices=Prices(
            prices.import_ct_per_kwh,
            prices.export_ct_per_kwh,
            write_ct,
            prices.start_ct,
            gate.phase_price_ct(gate_state, snap.now_s, prices.phase_change_ct, limits),
        ),
    )


def _ask(strategy: Strategy, snap: SiteSnapshot, state: LoopState) -> tuple[Wish, Memory, int]:
    """Return what the strategy wants; one that breaks its contract gets "hold or lower" instead.

    Foreign code runs here, so anything may come back or be raised.
    """
    try:
        answer: object = strategy.decide(snap, state.memory)
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise TypeError("no pair")
        wish, memory = answer
        if isinstance(wish, Wish) and _whole(wish.target) and isinstance(wish.reason, str):
            return _recordable(wish), memory, state.strategy_faults
        fault = "gave no valid wish"
    except (Exception, SystemExit) as error:
        fault = f"raised {type(error).__name__}"
    target = snap.in_force if snap.car_connected else Off()
    return Wish(target, f"the strategy {fault}; nothing is raised"), state.memory, state.strategy_faults + 1


def _whole(target: object) -> bool:
    """Return whether this is a command; raises ValueError for one its own constructor would refuse."""
    return isinstance(target, Off) or (
        isinstance(target, Charge) and Charge(target.current_a, target.phases) == target
    )


def _recordable(wish: Wish) -> Wish:
    """Return the wish with a reason and facts that any ledger takes: no NaN, no odd keys, no broken text."""
    reason = wish.reason.encode("utf-8", "replace").decode()[:MAX_REASON]
    facts = {
        key: value
        for key, value in wish.facts.items()
        if isinstance(key, str)
        and (isinstance(value, str) or (isinstance(value, int | float) and isfinite(value)))
    }
    return wish if reason == wish.reason and facts == wish.facts else Wish(wish.target, reason, facts)


def _with_raise(
    raises_s: tuple[tuple[float, int], ...], before: Command, after: Command, now_s: float
) -> tuple[tuple[float, int], ...]:
    """Return the raises the meter may not show yet; a change of phases counts in full."""
    if isinstance(after, Off):
        return ()
    same = isinstance(before, Charge) and before.phases == after.phases
    more_a = after.current_a - (amps(before) if same else 0)
    return (*raises_s, (now_s, more_a)) if more_a > 0 else raises_s
