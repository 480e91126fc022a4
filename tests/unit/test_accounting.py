"""Where the car's energy came from, in round numbers."""

import dataclasses

import pytest

from controller.line.accounting import Share, attribute
from controller.model import Prices, Quality, SiteSnapshot

HOUR = SiteSnapshot(
    0.0, 36.0, Quality.FRESH, Quality.FRESH, base_import_w=0.0, prices=Prices(30.0, 10.0), voltage_v=230.0
)
"""36 s: a hundredth of an hour, so that 1000 W are 10 Wh."""


def share(car_w: float, base_w: float | None, **change: object) -> Share:
    snap = dataclasses.replace(HOUR, car_power_w=car_w, base_import_w=base_w, **change)  # type: ignore[arg-type]
    return attribute(snap, 16)


@pytest.mark.parametrize(
    ("car_w", "base_w", "grid_wh", "pv_wh", "cost_ct"),
    [
        (4000.0, 500.0, 40.0, 0.0, 1.2),  # 0.04 kWh at 30
        (4000.0, 0.0, 40.0, 0.0, 1.2),
        (4000.0, -4000.0, 0.0, 40.0, 0.4),  # 0.04 kWh at 10 not fed in
        (4000.0, -9000.0, 0.0, 40.0, 0.4),
        (4000.0, -1000.0, 30.0, 10.0, 1.0),  # 0.03 at 30 and 0.01 at 10
        (4000.0, -3999.0, 0.01, 39.99, 0.4002),
        (0.0, -9000.0, 0.0, 0.0, 0.0),
        (-50.0, -9000.0, 0.0, 0.0, 0.0),  # a car gives nothing back
    ],
)
def test_the_house_takes_the_sun_first(
    car_w: float, base_w: float, grid_wh: float, pv_wh: float, cost_ct: float
) -> None:
    """What the house leaves is the car's sun, the rest is grid; the cost is import paid and feed-in lost."""
    found = share(car_w, base_w)
    assert (found.grid_wh, found.pv_wh) == pytest.approx((grid_wh, pv_wh))
    assert found.cost_ct == pytest.approx(cost_ct)
    assert found.total_wh == pytest.approx(max(car_w, 0.0) / 100)


def test_an_unknown_load_is_attributed_to_nothing() -> None:
    """Without a base load nobody knows the source."""
    assert share(4000.0, None) == Share(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "wh"), [(0.0, 0.0), (-5.0, 0.0), (0.5, 0.5), (300.0, 300.0), (300.001, 0.0), (86_400.0, 0.0)]
)
def test_a_long_silence_is_not_attributed(seconds: float, wh: float) -> None:
    """3600 W are 1 Wh a second; five minutes at most are believed to have been like the last report."""
    assert share(3600.0, 0.0, interval_s=seconds).total_wh == pytest.approx(wh)


def test_an_absurd_reading_is_bounded_by_what_the_cable_carries() -> None:
    """16 A on three phases at 230 V are 11 040 W, a tenth is granted: 12 144 W, 121.44 Wh in 36 s."""
    assert share(1e6, 0.0).total_wh == pytest.approx(121.44)
    assert share(12_144.0, 0.0).total_wh == pytest.approx(121.44)
    assert share(12_000.0, 0.0).total_wh == pytest.approx(120.0)
    assert share(1e6, 0.0, voltage_v=200.0).total_wh == pytest.approx(105.6)
    assert share(1e6, -1e6).pv_wh == pytest.approx(121.44)
    assert attribute(dataclasses.replace(HOUR, car_power_w=1e6), 32).total_wh == pytest.approx(242.88)


def test_prices_may_be_negative() -> None:
    """At -5 ct a kWh the grid pays: 0.04 kWh are -0.2 ct."""
    assert share(4000.0, 0.0, prices=Prices(-5.0, 8.0)).cost_ct == pytest.approx(-0.2)
