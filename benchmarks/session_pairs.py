"""One session at one tariff, lived by both plans: by how much this project was cheaper, anybody could be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.session_cases import Case
from benchmarks.session_runs import BLIND, OURS, PERFECT, Row
from controller.days.backtest_session import SessionResult

EVEN_CT = 0.5
"""A session that ends this near is a draw: rounding, a start, the last seconds of a full car."""

LONG_H, LONG_KWH = (14, 36), (8, 20)
"""The stays and needs on which the wanted numbers were once found, with another plant and other days."""

LONG = f"{LONG_H[0]} to {LONG_H[1]} h, {LONG_KWH[0]} to {LONG_KWH[1]} kWh"

Least = Mapping[tuple[str, str], float]
"""What nobody can go below, by name and tariff, in ct."""


@dataclass(frozen=True)
class Pair:
    """One session at one tariff: what the blind plan and what this project's made of it."""

    case: Case
    blind: SessionResult
    ours: SessionResult
    perfect: SessionResult | None
    least_ct: float

    @property
    def gain_ct(self) -> float:
        """Return by how much this project is cheaper."""
        return self.blind.cost_ct - self.ours.cost_ct

    @property
    def most_ct(self) -> float:
        """Return by how much anybody could have been cheaper."""
        return self.blind.cost_ct - self.least_ct


def long(case: Case) -> bool:
    """Return whether a session is of the kind that the wanted numbers come from."""
    stay_h, need_kwh = case.stay_s / 3600, case.need_wh / 1000
    return LONG_H[0] <= stay_h <= LONG_H[1] and LONG_KWH[0] <= need_kwh <= LONG_KWH[1]


def light_h(case: Case) -> float:
    """Return how many hours of a stay the sun gave more than 200 W."""
    step_s = case.days[0].step_s
    pv_w = [power for day in case.days for power in day.pv_w]
    part = pv_w[case.second // step_s : (case.second + case.stay_s) // step_s]
    return sum(power > 200 for power in part) * step_s / 3600


def pairs(rows: Sequence[Row], tariff: str, least: Least) -> list[Pair]:
    """Return the sessions of a tariff that both have lived, in order."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.tariff == tariff:
            found.setdefault(row.case.name, {})[row.entry] = row
    return [
        Pair(
            one[OURS].case,
            one[BLIND].result,
            one[OURS].result,
            one[PERFECT].result if PERFECT in one else None,
            least[one[OURS].case.name, tariff],
        )
        for one in found.values()
        if BLIND in one and OURS in one
    ]
