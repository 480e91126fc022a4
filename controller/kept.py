"""What outlives a restart: what was learned of cars, latched faults, the leash, the writes a gate counts."""

from collections.abc import Sequence
from dataclasses import replace

from controller.cars.car import KnownCar
from controller.ledger import gate_store
from controller.ledger.car_store import CarStore
from controller.ledger.intent_store import IntentStore
from controller.ledger.latch_store import LatchStore
from controller.ledger.leash_store import LeashStore
from controller.ledger.ledger import Ledger
from controller.limits import Limits
from controller.line import latches, pipeline
from controller.line.latches import Latched
from controller.line.pipeline import LoopState
from controller.model import Strategy


class Kept:
    """The part of the state of one running controller that its ledger keeps."""

    def __init__(self, ledger: Ledger, intents: IntentStore) -> None:
        self._ledger, self._intents = ledger, intents
        self._cars, self._latches, self._leash = CarStore(ledger), LatchStore(ledger), LeashStore(ledger)
        self._unread = False

    def restored(
        self, strategy: Strategy, cars: Sequence[KnownCar], limits: Limits, now_s: float
    ) -> LoopState:
        """Return the state a run begins with."""
        first = pipeline.initial(strategy, self._cars.load(cars))
        gate = gate_store.restored(self._intents, now_s, limits)
        link = gate_store.restored_link(self._intents, now_s, gate)
        left = self._leash.load(now_s)
        state = replace(first, gate=gate, link=link, latched=self._latches.load(), leash=left)
        self._unread = self._ledger.degraded
        return state

    def read_late(self, state: LoopState, limits: Limits, now_s: float) -> LoopState:
        """Return the state with what a start on an ill disk could not read; asked when the disk is well."""
        if not self._unread:
            return state
        self._unread = False
        latched = latches.with_new(state.latched, *self._latches.load())
        tied = state.leash if state.leash.on else self._leash.load(now_s)
        gate = gate_store.read_late(self._intents, state.gate, now_s, limits, gone=state.link.gone)
        return replace(state, latched=latched, leash=tied, gate=gate)

    def keep_latched(self, before: LoopState, after: LoopState) -> Latched:
        """Write down what was latched or ended between two states; return what ended."""
        _, ended = self._latches.keep(before.latched, after.latched)
        return ended

    def keep(self, before: LoopState, after: LoopState, now_s: float) -> None:
        """Write down what changed of the leash, at once, and of cars, once a minute at most."""
        self._leash.keep(before.leash, after.leash)
        self._cars.keep(after.cars, now_s)

    def keep_at_end(self, state: LoopState, now_s: float) -> None:
        """Write down what was learned of cars and not kept yet."""
        self._cars.keep(state.cars, now_s, at_once=True)

    def acknowledged(self, state: LoopState) -> frozenset[str]:
        """Return the kinds of latched faults a person has acknowledged since."""
        return self._latches.acknowledged(state.latched)
