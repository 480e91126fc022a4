"""What keeps the file small and lets it stand for itself: old rows thinned out, the house described."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from controller.ledger.ledger import Ledger
from controller.ledger.writer import Statement
from controller.model import Prices

SITE = "site"
"""The kept state that says whose ledger it is: time zone, prices, strategy; see `describe_site`."""

DAY_MS = 86_400_000
KEEP_DAYS = 90
"""Decisions, and what was said of how full cars are, are kept this long."""

_THIN = """
INSERT OR REPLACE INTO readings
SELECT wall_ms / (? * 1000) * (? * 1000), ?,
       sum(grid_import_w * samples) / sum(CASE WHEN grid_import_w IS NULL THEN 0 ELSE samples END),
       sum(base_import_w * samples) / sum(CASE WHEN base_import_w IS NULL THEN 0 ELSE samples END),
       sum(pv_yield_w * samples) / sum(CASE WHEN pv_yield_w IS NULL THEN 0 ELSE samples END),
       sum(battery_charge_w * samples) / sum(CASE WHEN battery_charge_w IS NULL THEN 0 ELSE samples END),
       sum(car_w * samples) / sum(CASE WHEN car_w IS NULL THEN 0 ELSE samples END),
       max(offered_a), max(phases), sum(samples)
FROM readings WHERE step_s = ? AND wall_ms < ? GROUP BY 1
"""


def maintain(ledger: Ledger, *, keep_10s_days: int, keep_60s_days: int) -> None:
    """Thin old readings out to minutes and quarters of an hour; means keep the energy."""
    now_ms = ledger.now_ms()
    for step_s, wider_s, days in ((10, 60, keep_10s_days), (60, 900, keep_60s_days)):
        before_ms = (now_ms - days * DAY_MS) // (wider_s * 1000) * (wider_s * 1000)
        thin: Statement = (_THIN, (wider_s, wider_s, wider_s, step_s, before_ms))
        drop: Statement = ("DELETE FROM readings WHERE step_s = ? AND wall_ms < ?", (step_s, before_ms))
        ledger.write_all([thin, drop], durable=False)
    for table in ("decisions", "soc_reports"):
        sql = f"DELETE FROM {table} WHERE wall_ms < ?"  # noqa: S608 - of a fixed list
        ledger.write(sql, (now_ms - KEEP_DAYS * DAY_MS,), durable=False)


def describe_site(
    ledger: Ledger, timezone: str, prices: Prices, strategy: str, options: Mapping[str, Any]
) -> None:
    """Keep what a reader of the file must know of the house, so that it stands for itself."""
    site = {
        "timezone": timezone,
        "prices": asdict(prices),
        "strategy": strategy,
        "options": dict(options),
    }
    ledger.save_state(SITE, site)
