"""The second opinion in front of the charger: may this message ever be sent? It can only refuse.

Theory of operation. This file shares no code with envelope and gate and trusts nothing they say: it looks at
the keys about to go out, at what the charger last reported, and at two ages it is given. A stop needs nothing
but its distance from the last message. Everything else must be a whole number in the range of the box, under
the installer's maximum, apart from the last message, and no raise unless meter and charger have both spoken
lately. The charger's energy limit may be touched only where the leash is on or was left on: to no more than
the leash beyond what the charger counts, or back to what the user had. A refusal is a bug of ours, not an
operating state.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

ALLOWED_KEYS = frozenset({"amp", "frc", "psm"})
LIMIT_KEY = "dwo"
STOP = {"frc": 1}
GAP_SHARE = 0.8
"""Of the configured gap: a little less than the gate's own, so that rounding is not a bug report."""

METER_AGE_S = 20.0
CHARGER_AGE_S = 60.0
"""Looser than the ladder of the snapshot on purpose: this is the second fence, not the first."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the guard is shown: ages in s (None: never read), the charger's reported keys, the last send.

    Of the energy leash, in Wh: what the charger counts, the leash (None: off), what the user had (None: none
    of our limits is there; infinite: no limit).
    """

    meter_age_s: float | None
    charger_age_s: float | None
    reported: Mapping[str, int | None]
    since_last_send_s: float | None
    session_wh: float | None = None
    leash_wh: float | None = None
    theirs_wh: float | None = None


def objection(keys: Mapping[str, object], sight: Sight, max_current_a: int, gap_s: float = 5.0) -> str | None:
    """Return why this message must not be sent, None if it may."""
    if dict(keys) == STOP and type(keys["frc"]) is int:
        return _too_soon(sight, gap_s)
    if LIMIT_KEY in keys:
        objection_to_limit = _limit(keys[LIMIT_KEY], sight)
        if objection_to_limit is not None:
            return objection_to_limit
        if keys.get("frc") == 1:
            return "a stop is sent alone"
        keys = {key: value for key, value in keys.items() if key != LIMIT_KEY}
        if not keys:
            return _too_soon(sight, gap_s)
    if not keys or not set(keys) <= ALLOWED_KEYS:
        return f"keys {sorted(set(keys) - ALLOWED_KEYS)} are never sent"
    for key, value in keys.items():
        if type(value) is not int:
            return f"{key} is not a whole number"
    amp, force, mode = keys.get("amp"), keys.get("frc"), keys.get("psm")
    if isinstance(amp, int) and not 6 <= amp <= min(max_current_a, 32):
        return f"amp {amp} is outside of 6 to {min(max_current_a, 32)}"
    if mode is not None and mode not in (1, 2):
        return f"psm {mode} is neither one nor three phases"
    if force is not None and force != 2:
        return "a stop is sent alone" if force == 1 else f"frc {force} is never sent"
    if force == 2 and amp is None:
        return "a start carries its amp"
    return _too_soon(sight, gap_s) or _blind_raise(amp, force, mode, sight)


def _limit(value: object, sight: Sight) -> str | None:
    """Return the objection to an energy limit: more than the leash allows, and not what the user had."""
    if sight.leash_wh is None and sight.theirs_wh is None:
        return "dwo is never sent without the energy leash"
    limit_wh = inf if value is None else value
    if isinstance(limit_wh, bool) or not isinstance(limit_wh, int | float) or not limit_wh >= 0:
        return "dwo is no amount of energy"
    if limit_wh == sight.theirs_wh:
        return None
    if sight.charger_age_s is None or sight.charger_age_s > CHARGER_AGE_S or sight.session_wh is None:
        return "an energy limit needs charger data of the last minute"
    if sight.leash_wh is None or limit_wh > sight.session_wh + sight.leash_wh:
        return f"dwo {limit_wh:g} is beyond the energy leash"
    if sight.theirs_wh is not None and limit_wh > sight.theirs_wh:
        return f"dwo {limit_wh:g} is beyond the user's own limit"
    return None


def _too_soon(sight: Sight, gap_s: float) -> str | None:
    if sight.since_last_send_s is not None and sight.since_last_send_s < GAP_SHARE * gap_s:
        return f"the last message left {sight.since_last_send_s:.1f} s ago"
    return None


def _blind_raise(amp: object, force: object, mode: object, sight: Sight) -> str | None:
    """Return the objection to a raise on old data; what only lowers or parks needs no data."""
    reported_amp, reported_mode = sight.reported.get("amp"), sight.reported.get("psm")
    charging = sight.reported.get("frc") != 1
    more = force == 2 and not charging
    more = more or (isinstance(amp, int) and (reported_amp is None or amp > reported_amp))
    more = more or (mode == 2 and reported_mode != 2)
    if not more:
        return None
    if sight.meter_age_s is None or sight.meter_age_s > METER_AGE_S:
        return "a raise needs a meter reading of the last seconds"
    if sight.charger_age_s is None or sight.charger_age_s > CHARGER_AGE_S:
        return "a raise needs charger data of the last minute"
    return None
