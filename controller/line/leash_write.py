"""When a limit of the leash may leave: with a write for comfort, or alone where nothing else is to be said.

It counts in the write budget, keeps its distance, never delays or joins a stop or a reduction for safety, and
more energy is never let through on doubt: only with fresh readings, as a raise.
"""

from dataclasses import replace

from controller.limits import Limits
from controller.line import budget
from controller.line.leash import Ask, Hand, Leash, due, sent
from controller.line.link import Link
from controller.line.phases import Switching, switching
from controller.model import Action, Charge, Force, Hold, Quality, Send, Settings, SiteSnapshot, amps


def joined(
    action: Action,
    leash: Leash,
    link: Link,
    writes_s: budget.Times,
    snap: SiteSnapshot,
    limits: Limits,
    *,
    ours: bool,
) -> Action:
    """Return the action with the limit that is due: on the write that leaves, or as a write of its own.

    `writes_s` are the times of the writes for comfort, `ours` whether the charger is ours to command.
    """
    starting = isinstance(action, Send) and isinstance(action.command, Charge)
    hand = Hand(link.connected, starting or isinstance(link.in_force, Charge), ours)
    ask = _asked(leash, link, snap, hand, limits)
    if isinstance(action, Send):
        if action.safety or action.settings.force is Force.OFF:
            return action
        if ask is not None:
            return replace(action, settings=replace(action.settings, energy_limit_wh=ask.limit_wh))
        if leash.held and starting:
            return Hold("the charger stands at the energy leash; waiting to renew it", leash.retry_s)
        return action
    if ask is None or not ask.alone or not _alone(link, writes_s, snap, limits):
        return action
    return Send(link.in_force, Settings(energy_limit_wh=ask.limit_wh), False, ask.reason)


def remembered(leash: Leash, action: Action, snap: SiteSnapshot) -> Leash:
    """Return the leash as the action leaves; what the charger has is the user's if none of ours is on."""
    if not isinstance(action, Send) or action.settings.energy_limit_wh is None:
        return leash
    had_wh = snap.charger.energy_limit_wh if snap.charger is not None else None
    assert had_wh is not None, "nothing is due while the limit is not known"
    return sent(leash, action.settings.energy_limit_wh, had_wh, snap.now_s)


def _asked(leash: Leash, link: Link, snap: SiteSnapshot, hand: Hand, limits: Limits) -> Ask | None:
    """Return what is due and may be asked on what is known now."""
    if snap.charger is None or snap.charger_quality is not Quality.FRESH:
        return None
    ask = due(leash, snap.charger, hand, limits.leash_wh, snap.now_s)
    if ask is None:
        return None
    if snap.ledger_degraded and not leash.on:
        return None  # what the user had would be on no record
    now_wh = snap.charger.energy_limit_wh
    more = now_wh is not None and ask.limit_wh > now_wh
    blind = snap.grid_quality is not Quality.FRESH and amps(link.in_force) > limits.blind_a
    return None if more and blind and hand.connected and hand.ours else ask


def _alone(link: Link, writes_s: budget.Times, snap: SiteSnapshot, limits: Limits) -> bool:
    """Return whether a write of its own may leave now: nothing of ours is open, nothing was sent just now."""
    if link.pending is not None and link.pending.open:
        return False
    if link.last_write_s is not None and snap.now_s < link.last_write_s + limits.write_gap_s:
        return False
    stable = switching(link, snap.now_s, limits) is Switching.STABLE
    return stable and budget.left(writes_s, snap.now_s, limits) > 0
