"""Whatever came together: once it is over the car charges again, and nobody is blamed without a cause.

The whole loop with its real ledger and a real meter on loopback lives through faults drawn at random, one
after the other or at once. The rows of the matrix try each of them alone.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.faults.cloud_life import CloudLife
from tests.faults.life import Life

METER_FAULTS = ("reset", "nan", "frozen", "illegal", "zeros")
"""Those that take no real time; what is silent has rows of its own."""

CLOUD_FAULTS = (
    "accept_drop",
    "bad_gateway",
    "bad_json",
    "forbidden",
    "html",
    "outdated_404",
    "partial_keys",
    "rate_limit",
    "stale_data",
    "status_400",
    "undated",
    "unprocessable",
)

CARS = ("ideal", "slow", "zoe", "two_phase", "undershoots", "overshoots")
"""Cars that come back from any pause: of the others nothing is promised."""

RECOVERY_S = 5400.0
"""Long enough for the longest waits there are: a start given up, a budget spent, one after the other."""


def sun(life: Life, share: float) -> None:
    life.house.shade = 1.5 * share


def kettle(life: Life, share: float) -> None:
    life.house.kettle(5000 * share, int(share * 2.99))


def meter(life: Life, share: float) -> None:
    life.server.misbehave(METER_FAULTS[int(share * (len(METER_FAULTS) - 0.01))])


def cloud(life: Life, share: float) -> None:
    """Let the cloud fail in one of its ways, or the plain way to the box in one of two."""
    if isinstance(life, CloudLife):
        life.cloud.fail(CLOUD_FAULTS[int(share * (len(CLOUD_FAULTS) - 0.01))])
    else:
        life.charger.down, life.charger.lose = share < 0.5, share >= 0.5


def slow_writes(life: Life, share: float) -> None:
    if isinstance(life, CloudLife):
        life.cloud.delay_s = 60 * share
    else:
        life.charger.delay_s = 60 * share


def box_restarts(life: Life, share: float) -> None:
    life.box.reboot()


def box_ails(life: Life, share: float) -> None:
    """It wants a card, is hot, or forgets what it counted."""
    if share < 0.3:
        life.box.acs, life.box.trx = 1, None
    elif share < 0.7:
        life.box.amt = int(share * 25)
    else:
        life.box.lose_session()


def unplugged(life: Life, share: float) -> None:
    if life.box.car is not None:
        life.box.unplug()


def plugged(life: Life, share: float) -> None:
    if life.box.car is None:
        life.box.plug(life.car)


def healed(life: Life, share: float) -> None:
    life.server.misbehave("ok")
    life.charger.down = life.charger.lose = False
    life.box.acs, life.box.amt = 0, 32
    slow_writes(life, 2.0 / 60)
    if isinstance(life, CloudLife):
        life.cloud.fail()


EVENTS: dict[str, Callable[[Life, float], None]] = {
    found.__name__: found
    for found in (
        sun,
        kettle,
        meter,
        cloud,
        slow_writes,
        box_restarts,
        box_ails,
        unplugged,
        plugged,
        healed,
    )
}
Step = tuple[str, float, int]
"""What happens, how much of it, and how many seconds pass until the next."""

STEPS = st.lists(
    st.tuples(st.sampled_from([*EVENTS, "restart"]), st.floats(0, 1), st.integers(5, 400)),
    min_size=3,
    max_size=14,
)


async def lived(folder: Path, car: str, steps: list[Step], kind: type[Life] = Life) -> None:
    """Live the steps, heal everything, and hold what came of it against the promises."""
    async with kind(folder, sun_w=6000.0, car=car, meter_timeout_s=0.05) as life:
        await life.charging()
        for name, share, seconds in steps:
            if name == "restart":
                await life.restart()
            else:
                EVENTS[name](life, share)
            await life.run(seconds)
        healed(life, 0.0)
        life.house.shade = 1.0
        for phase in range(3):
            life.house.kettle(0.0, phase)
        plugged(life, 0.0)
        assert not life.latched(), f"latched without a cause: {life.events('latched%')}"
        await life.until(lambda: life.car_w > 2500, RECOVERY_S, f"the car charges again, {life.latched()}")
        assert not life.events("latched_app"), "nobody was there"


def lives(examples: int) -> settings:
    """Return how many lives are drawn; one that fails replays from its blob."""
    return settings(
        max_examples=max(1, examples * int(os.environ.get("AMPILOT_EXAMPLES", "60")) // 60),
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


def live(car: str, steps: list[Step], kind: type[Life]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(lived(Path(folder), car, steps, kind))


@lives(4)
@given(car=st.sampled_from(CARS), steps=STEPS)
def test_after_a_mix_of_faults_the_car_charges_again(car: str, steps: list[Step]) -> None:
    """Sun, kettles, a meter and a cloud that fail, restarts of box and service, a car that comes and goes."""
    live(car, steps, Life)


@pytest.mark.slow
@pytest.mark.timeout(240)
@lives(16)
@given(car=st.sampled_from(CARS), steps=STEPS)
def test_after_any_mix_of_faults_the_car_charges_again(car: str, steps: list[Step]) -> None:
    """The same, more often."""
    live(car, steps, Life)


@pytest.mark.slow
@pytest.mark.timeout(240)
@lives(8)
@given(car=st.sampled_from(CARS), steps=STEPS)
def test_after_any_mix_of_faults_of_the_real_cloud_client_too(car: str, steps: list[Step]) -> None:
    """The same over HTTP and TLS, the cloud failing in all its quick ways."""
    live(car, steps, CloudLife)


async def test_a_car_that_needs_8_a_is_not_left_at_7(tmp_path: Path) -> None:
    """Found so: 7 A were called its least, 8 what it takes, and after a pause it got 7 A for ever."""
    steps = [("unplugged", 0.0, 89), ("restart", 0.0, 102), ("meter", 0.0, 175), ("box_restarts", 0.0, 351)]
    await lived(tmp_path, "zoe", steps)
