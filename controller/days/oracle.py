"""Perfect foresight: the least a day can cost when all of it is known, for the regret of a backtest.

Exact dynamic programming over the steps of the day and every set-point, with the same switching prices and a
car that responds at once. Written apart from the engine on purpose: it judges it.
"""

from collections.abc import Sequence

PHASE_VOLTAGE_V = 230.0


def least_cost_ct(
    surplus_w: Sequence[float],
    step_s: float,
    *,
    value_ct: float,
    import_ct: float,
    export_ct: float,
    write_ct: float = 0.02,
    start_ct: float = 1.0,
    phase_change_ct: float = 1.5,
    min_a: int = 6,
    max_a: int = 16,
) -> float:
    """Return the least possible bill - value x energy + switching, in ct, over the whole day.

    `surplus_w` is PV minus house load per step. The charger is off on one phase when the day begins and may
    start in its first step. A start costs `start_ct` once, a phase change `phase_change_ct`, whatever changes
    together one `write_ct`.
    """
    per_w = step_s / 3.6e6
    one = [PHASE_VOLTAGE_V * a for a in range(min_a, max_a + 1)]
    three = [3 * power for power in one]
    off_1, off_3 = 0.0, phase_change_ct + write_ct
    begin, switch = start_ct + write_ct, phase_change_ct + write_ct
    on_1, on_3 = [begin] * len(one), [begin + phase_change_ct] * len(three)
    for surplus in surplus_w:
        idle_ct = -surplus * (export_ct if surplus > 0 else import_ct) * per_w
        room_w = max(surplus, 0.0)
        under = (export_ct - value_ct) * per_w
        over = (import_ct - value_ct) * per_w
        bend = idle_ct + (under - over) * room_w
        off_1 += idle_ct
        off_3 += idle_ct
        on_1 = [
            cost + (idle_ct + under * power if power <= room_w else bend + over * power)
            for cost, power in zip(on_1, one, strict=True)
        ]
        on_3 = [
            cost + (idle_ct + under * power if power <= room_w else bend + over * power)
            for cost, power in zip(on_3, three, strict=True)
        ]
        low_1, low_3 = min(on_1), min(on_3)
        cap_1 = min(low_1 + write_ct, off_1 + begin, low_3 + switch, off_3 + begin + phase_change_ct)
        cap_3 = min(low_3 + write_ct, off_3 + begin, low_1 + switch, off_1 + begin + phase_change_ct)
        next_1 = min(off_1, low_1 + write_ct, off_3 + switch, low_3 + switch)
        next_3 = min(off_3, low_3 + write_ct, off_1 + switch, low_1 + switch)
        on_1 = [cost if cost < cap_1 else cap_1 for cost in on_1]
        on_3 = [cost if cost < cap_3 else cap_3 for cost in on_3]
        off_1, off_3 = next_1, next_3
    return min(off_1, off_3, min(on_1), min(on_3))
