"""The peers of the comparison by name; each call makes a fresh one for one day."""

from collections.abc import Callable

from benchmarks.baselines.evcc import Evcc
from benchmarks.baselines.goe import DOWN, GoE
from benchmarks.baselines.openwb import OpenWb
from benchmarks.baselines.pv_control import PV_ALL, PV_ONLY, PvControl
from benchmarks.baselines.smartevse import SmartEvse
from benchmarks.baselines.warp import Warp
from benchmarks.contest import Baseline

BASELINES: dict[str, Callable[[], Baseline]] = {
    "evcc_30s": Evcc,
    "evcc_10s": lambda: Evcc(interval_s=10),
    "openwb": OpenWb,
    "pv_control_only": lambda: PvControl(PV_ONLY),
    "pv_control_all": lambda: PvControl(PV_ALL),
    "smartevse": SmartEvse,
    "warp": Warp,
    "goe": GoE,
    "goe_tuned": lambda: GoE(grid_target_w=-200.0, rounding=DOWN),
}

IN_THE_BOX = frozenset({"smartevse", "warp", "goe", "goe_tuned"})
"""Peers that sit in the box or on its wire: what they write costs no command in reality."""
