"""Every installed strategy keeps its contract; the suite a third party runs catches those that do not."""

import dataclasses

import pytest

from controller.errors import StrategyError
from controller.model import Charge, Off, Quality, SiteSnapshot, Wish
from controller.plugins import conformance, load_strategy, strategy_names
from strategies.timers import Timers


@pytest.mark.parametrize("name", strategy_names())
def test_installed_strategy_conforms(name: str) -> None:
    """Total, pure, a reason for every wish."""
    assert conformance(load_strategy(name, {})) == []


def test_the_built_in_ones_are_installed() -> None:
    """The built-in strategies are found by entry point."""
    assert {"off", "fixed", "fast", "timers", "surplus", "min_surplus", "tariff", "ready_by"} <= set(
        strategy_names()
    )


class Raises:
    def initial(self) -> None:
        return None

    def decide(self, snap: SiteSnapshot, memory: object) -> tuple[Wish, object]:
        raise RuntimeError("boom")


class Moody(Raises):
    turn = 0

    def decide(self, snap: SiteSnapshot, memory: object) -> tuple[Wish, object]:
        Moody.turn += 1
        return Wish(Charge(6, 1) if Moody.turn % 2 else Off(), "moody"), None


class Mute(Raises):
    def decide(self, snap: SiteSnapshot, memory: object) -> tuple[Wish, object]:
        return Wish(Off(), ""), None


class Number(Raises):
    def decide(self, snap: SiteSnapshot, memory: object) -> tuple[Wish, object]:
        return Wish(16, "a number"), None  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Raises, Moody, Mute, Number])
def test_a_breach_is_found(kind: type) -> None:
    """A strategy that raises, is moody, mute or wishes for a number does not pass."""
    assert conformance(kind())


@pytest.mark.parametrize(
    ("name", "options", "named"),
    [
        ("nonsense", {}, "surplus"),
        ("surplus", {"solar_share": 1.5}, "0.98"),
        ("surplus", {"value": 3}, "value_ct_per_kwh"),
        ("fixed", {"current_a": 5}, "6"),
        ("fixed", {"phases": 2}, "phases"),
        ("timers", {"start_delay_s": float("nan")}, "start_delay_s"),
    ],
)
def test_wrong_options_read_like_advice(name: str, options: dict[str, object], named: str) -> None:
    """A mistake names the option and what is accepted."""
    with pytest.raises(StrategyError) as caught:
        load_strategy(name, options)
    assert named in str(caught.value)


def shot(now_s: float, surplus_w: float, command: Charge | Off = Off()) -> SiteSnapshot:  # noqa: B008
    return SiteSnapshot(
        now_s,
        10.0,
        Quality.FRESH,
        Quality.FRESH,
        base_import_w=-surplus_w,
        car_connected=True,
        in_force=command,
        phases_set=command.phases if isinstance(command, Charge) else 1,
    )


def test_timers_start_after_a_minute_of_surplus_and_one_bad_sample_resets() -> None:
    """60 s of 1380 W start at 6 A on one phase; a sample below begins anew."""
    timers, memory = Timers(), Timers().initial()
    wishes = []
    for second in range(0, 130, 10):
        wish, memory = timers.decide(shot(second, 1000 if second == 40 else 2000), memory)
        wishes.append(wish.target)
    assert wishes.index(Charge(6, 1)) == 11  # 50 s is the first good sample after the bad one


def test_timers_track_down_and_stop_after_three_minutes() -> None:
    """Whole amperes rounded down; a deficit holds 6 A for 180 s, then off."""
    timers, memory = Timers(), Timers().initial()
    wish, memory = timers.decide(shot(0, 2500, Charge(6, 1)), memory)
    assert wish.target == Charge(10, 1)
    for second in range(10, 400, 10):
        wish, memory = timers.decide(shot(second, 500, Charge(6, 1)), memory)
        if wish.target == Off():
            break
    assert second == 190


def test_min_surplus_never_stops() -> None:
    """With a car there it always charges, at the least in the dark."""
    strategy = load_strategy("min_surplus", {})
    memory = strategy.initial()
    for second in range(0, 3000, 10):
        wish, memory = strategy.decide(shot(second, -400, Charge(6, 1)), memory)
        assert wish.target == Charge(6, 1)
    gone = dataclasses.replace(shot(0, 9000), car_connected=False)
    assert strategy.decide(gone, memory)[0].target == Off()
