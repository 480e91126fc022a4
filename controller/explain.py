"""`ampilot explain`: why it does what it does now, with amounts and time left."""

from datetime import datetime
from typing import Any

from controller.events import STOPPED
from controller.ledger.report import LastDecision

STALE_S = 120.0


def explain(
    decision: LastDecision,
    events: list[tuple[int, str, str]],
    now: datetime,
    verdict: tuple[str, str] | None = None,
) -> list[str]:
    """Return the newest decision as lines a person can act on, times by the clock of `now`."""
    facts = decision.facts
    at = datetime.fromtimestamp(decision.wall_ms / 1000, now.tzinfo)
    age_s = (now - at).total_seconds()
    lines = [f"{at:%d %b %H:%M:%S}, {age_s:.0f} s ago"]
    if events and events[0][2] == STOPPED:
        lines.append("Since then it was stopped: so it was before. To go on: systemctl start ampilot")
    elif age_s > STALE_S:
        lines.append("This is old: is ampilot running? Try: systemctl status ampilot")
    lines += [_offer(decision, facts), f"Why: {decision.reason}."]
    if decision.action != "hold":
        lines.append(f"It just said: {decision.action}.")
    if facts.get("car_connected") and facts.get("this_car"):
        lines.append(f"This car: {facts['this_car']}.")
    if facts.get("car_connected") and facts.get("this_soc"):
        lines.append(f"It is {facts['this_soc']}.")
    lines += _money(facts)
    if facts.get("hold_left_s"):
        lines.append(f"This holds for {facts['hold_left_s']:.0f} s more.")
    lines.append(_data(facts))
    lines.append(f"Most that is allowed: {decision.ceiling}.")
    if facts.get("yielded"):
        lines.append("Somebody set the charger by app or button; unplug the car to hand it back.")
    if verdict is not None:
        lines.append(f"On {verdict[0]} it {verdict[1]}.")
    if events:
        lines.append("Lately:")
        for wall_ms, _, text in events:
            lines.append(f"  {datetime.fromtimestamp(wall_ms / 1000, now.tzinfo):%H:%M} {text}")
    return lines


def _offer(decision: LastDecision, facts: dict[str, Any]) -> str:
    if not facts.get("car_connected"):
        return "No car is connected."
    power_w = facts.get("car_power_w") or 0.0
    then = f"read {facts.get('charger_age_s', 0):.0f} s ago; then the car drew {power_w:.0f} W."
    if facts.get("offer") == "sent":
        return f"Offered: {decision.in_force}, if it has arrived: not seen yet at the charger, {then}"
    if facts.get("offer") == "old":
        return f"Offered when the charger was last read: {decision.in_force}. It was {then}"
    return f"Offered now: {decision.in_force}; the car draws {power_w:.0f} W."


def _money(facts: dict[str, Any]) -> list[str]:
    """Return the engine's numbers: what a kWh is worth, the surplus, the race against the next set-point."""
    lines = []
    if _numbers(facts, "value_ct_per_kwh", "import_ct_per_kwh", "surplus_w"):
        reason = f" ({facts['worth']})" if isinstance(facts.get("worth"), str) else ""
        text = f"A kWh in the car is worth {facts['value_ct_per_kwh']:.1f} ct{reason}; import feels like "
        text += f"{facts['import_ct_per_kwh']:.1f} ct; the surplus is {facts['surplus_w']:.0f} W"
        if _numbers(facts, "running_ct_per_h"):
            text += f"; going on as now costs {facts['running_ct_per_h']:+.1f} ct an hour"
        lines.append(text + ".")
    if _numbers(facts, "need_wh", "need_left_s") and facts["need_wh"] > 0:
        lines.append(
            f"Missing until the departure in {facts['need_left_s'] / 3600:.1f} h: "
            f"{facts['need_wh'] / 1000:.1f} kWh. When it will charge: ampilot plan."
        )
    if "next" in facts and _numbers(facts, "regret_ct", "price_ct"):
        text = f"Next would be {facts['next']}: regret {max(facts['regret_ct'], 0):.2f} of "
        text += f"{facts['price_ct']:.2f} ct"
        if "next_blend_ct_per_kwh" in facts:
            text += f", {facts['next_blend_ct_per_kwh']:.1f} ct a kWh"
        if _numbers(facts, "time_left_s") and facts["time_left_s"] > 0:
            text += f", in about {facts['time_left_s']:.0f} s if this holds"
        lines.append(text + ".")
    if "would_change" in facts:
        lines.append(f"What would change it: {facts['would_change']}.")
    return lines


def _numbers(facts: dict[str, Any], *names: str) -> bool:
    """Return whether all of these are there as numbers: a strategy of others may use a name differently."""
    return all(isinstance(facts.get(name), int | float) for name in names)


def _data(facts: dict[str, Any]) -> str:
    return (
        f"Data: meter {facts.get('meter', '?')} ({facts.get('meter_age_s', 0):.0f} s), "
        f"charger {facts.get('charger', '?')} ({facts.get('charger_age_s', 0):.0f} s); "
        f"{facts.get('writes_15_min', 0)} commands in the last 15 minutes."
    )
