"""The engine's decision in amounts a person can check: what is cheaper, when, and what would change it."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf

from controller.model import Command, Off, SiteSnapshot, Wish
from strategies.economics import Economics
from strategies.outlook import Outlook, Spans, Weights, doubt_ct, expected_ct, later
from strategies.set_points import group_slices, set_points

HORIZON_TICKS = 1024
"""How far ahead a move is announced: about three hours of 10-s ticks."""


@dataclass(frozen=True, slots=True)
class Race:
    """The present set-point against the one that is nearest to taking over; sequences by set-point, in ct.

    `running` is the cost of this interval, `standing` past and outlook together, `priced` with the price of
    moving.
    """

    min_a: int
    max_a: int
    here: int
    target: int
    rival: int
    powers_w: Sequence[float]
    running: Sequence[float]
    standing: Sequence[float]
    priced: Sequence[float]
    duration_s: float
    outlook: Outlook
    now: Outlook
    spans_w: Spans
    weights: Weights

    @property
    def regret_ct(self) -> float:
        """Return by how much the rival is cheaper, the price of moving not counted."""
        return self.standing[self.here] - self.standing[self.rival]

    @property
    def price_ct(self) -> float:
        """Return the price of moving to the rival."""
        return self.priced[self.rival] - self.standing[self.rival]


def wish(snap: SiteSnapshot, race: Race, economics: Economics) -> Wish:
    """Return the target with its explanation in amounts."""
    points = set_points(race.min_a, race.max_a)
    here, target, rival = points[race.here], points[race.target], points[race.rival]
    surplus_w = snap.surplus_w or 0.0
    facts: dict[str, float | str] = {
        "value_ct_per_kwh": economics.value_ct,
        "import_ct_per_kwh": economics.import_ct,
        "surplus_w": surplus_w,
        "next": str(rival.command),
        "regret_ct": race.regret_ct,
        "price_ct": race.price_ct,
    }
    if race.duration_s > 0:
        facts["running_ct_per_h"] = race.running[race.here] * 3600 / race.duration_s
    for name, place in (("blend_ct_per_kwh", race.target), ("next_blend_ct_per_kwh", race.rival)):
        blend_ct = blended_ct(race.powers_w[place], surplus_w, economics)
        if blend_ct is not None:
            facts[name] = blend_ct
    even_w = break_even_w(race.powers_w[race.here], race.powers_w[race.rival], economics)
    if even_w is not None and race.target == race.here:
        more = race.powers_w[race.rival] > race.powers_w[race.here]
        facts["would_change"] = f"a surplus {'above' if more else 'below'} {even_w:.0f} W that lasts"
    if race.target != race.here:
        reason = f"{here.command} is dearer by {race.regret_ct:.2f} ct, moving costs {race.price_ct:.2f} ct"
        return Wish(target.command, reason, facts)
    left_s = time_left_s(race, economics)
    if left_s is None:
        return Wish(target.command, f"{here.command} is the best there is now", facts)
    left_s = max(left_s, barred_s(snap, rival.command))
    reason = f"regret {max(race.regret_ct, 0):.2f} of {race.price_ct:.2f} ct, "
    if isinf(left_s):
        return Wish(target.command, reason + f"{rival.command} is barred", facts)
    facts["time_left_s"] = left_s
    return Wish(target.command, reason + f"{rival.command} in about {left_s:.0f} s if this holds", facts)


def barred_s(snap: SiteSnapshot, target: Command) -> float:
    """Return for how long a move may not be made yet, in s; infinite where nobody can say."""
    now, stands = snap.admissible, snap.in_force
    if isinstance(target, Off):
        return 0.0 if isinstance(stands, Off) else now.stop_in_s
    wait_s = now.start_in_s if isinstance(stands, Off) else 0.0
    if target.phases != snap.phases_set:
        wait_s = max(wait_s, now.phase_change_in_s)
    return inf if now.only_stop else wait_s


def blended_ct(power_w: float, surplus_w: float, economics: Economics) -> float | None:
    """Return what a kWh costs at this power, sun and grid together, in ct; None while nothing is drawn."""
    if power_w <= 0:
        return None
    sun_w = min(power_w, max(surplus_w, 0.0))
    return (sun_w * economics.export_ct + (power_w - sun_w) * economics.import_ct) / power_w


def break_even_w(one_w: float, other_w: float, economics: Economics) -> float | None:
    """Return the surplus at which both powers cost the same to run, in W; None if one always wins.

    Between the two powers the smaller is covered and the larger in part, so with m the price of import
    less the value and s the spread of import and feed-in: smaller + m / s * (larger - smaller).
    """
    low_w, high_w = sorted((one_w, other_w))
    spread_ct = economics.import_ct - economics.export_ct
    if low_w == high_w or spread_ct <= 0:
        return None
    share = (economics.import_ct - economics.value_ct) / spread_ct
    return low_w + share * (high_w - low_w) if 0 <= share <= 1 else None


def time_left_s(race: Race, economics: Economics) -> float | None:
    """Return when the rival takes over if sun and house stay as they are, None if it never does."""
    if race.duration_s <= 0:
        return None
    missing_ct = race.price_ct - race.regret_ct
    gain_ct = race.running[race.here] - race.running[race.rival]
    groups = [_group(len(race.powers_w), place) for place in (race.here, race.rival)]
    if gain_ct <= 0 and groups[0] == groups[1]:
        return None
    base_ct = _advantage_ct(race, race.outlook, economics, *groups)

    def lacking_ct(ticks: int) -> float:
        ahead = later(race.outlook, ticks * race.duration_s, race.now, race.weights)
        grown_ct = _advantage_ct(race, ahead, economics, *groups) - base_ct
        return missing_ct - ticks * gain_ct - grown_ct

    if lacking_ct(HORIZON_TICKS) > 0:
        return None
    low, high = 0, HORIZON_TICKS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if lacking_ct(middle) > 0 else (low, middle)
    return high * race.duration_s


def _group(count: int, place: int) -> int:
    return next(group for group, (a, b) in enumerate(group_slices(count)) if a <= place < b)


def _advantage_ct(race: Race, outlook: Outlook, economics: Economics, here: int, rival: int) -> float:
    """Return by how much the next minutes are dearer here than at the rival, in ct."""
    weights = race.weights
    costs_ct = (0.0, 0.0, *expected_ct(outlook, race.spans_w, economics, weights))
    powers_w = race.powers_w[race.here], race.powers_w[race.rival]
    spread_w = weights.spread * outlook.change_w
    doubt = doubt_ct(powers_w, outlook.surplus_w, spread_w, weights.next_s, economics)
    return costs_ct[here] - costs_ct[rival] + doubt[0] - doubt[1]


def planned(snap: SiteSnapshot, wish: Wish, economics: Economics) -> Wish:
    """Return the wish with what the plan said, for those who ask why."""
    if not snap.car_connected:
        return wish
    facts: dict[str, float | str] = dict(wish.facts)
    facts["value_ct_per_kwh"] = economics.value_ct
    if snap.worth is not None:
        facts["worth"] = snap.worth.reason
    if snap.needs:
        facts["need_wh"] = snap.needs[0].need_wh
        facts["need_left_s"] = snap.needs[0].at_s - snap.now_s
    return Wish(wish.target, wish.reason, facts)
