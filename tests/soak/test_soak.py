"""A few days of the soak, twice: no promise breaks, and a seed lives the same life again."""

import random
from pathlib import Path

import pytest

from tests.soak.life import FAULTS, soak
from tests.soak.promises import Broken, Promises
from tests.soak.world import Written, Year


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_few_days_of_faults(tmp_path: Path) -> None:
    """Sixteen days of June from a new seed: all promises hold, the car was charged, nothing grows.

    Over a dozen seeds it was charged with 72 to 306 kWh by 136 to 644 writes; the sixteenth day has LV1.
    """
    seed = random.SystemRandom().randrange(2**32)
    print(f"soak({seed}, 16, folder, first_day=160)")
    outcome = soak(seed, 16, tmp_path, first_day=160)
    assert outcome.writes > 30
    assert outcome.charged_kwh > 15
    assert outcome.end_handles <= outcome.first_handles + 1


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_seed_is_a_life(tmp_path: Path) -> None:
    """The same seed gives the same writes and energy, another one does not."""
    results = []
    for number, seed in enumerate((7, 7, 8)):
        folder = tmp_path / str(number)
        folder.mkdir()
        results.append(soak(seed, 2, folder).digest)
    assert results[0] == results[1] != results[2]


def written(**changed: object) -> Written:
    """Return a start of 8 A on one phase, all in order, with something changed."""
    values: dict[str, object] = {
        "at_s": 5000.0,
        "keys": {"amp": 8, "frc": 2},
        "safety": False,
        "before_a": 0,
        "before_phases": 1,
        "meter_a": (1.0, 1.0, 1.0),
        "meter_age_s": 1.0,
        "charger_age_s": 3.0,
        "foreign": False,
        "on_since_s": None,
        "lives": 0,
    }
    return Written(**(values | changed))  # type: ignore[arg-type]


BREACHES = {
    "a key of its own": ("D3", [written(keys={"amp": 8, "oct": 1})]),
    "five ampere": ("D1", [written(keys={"amp": 5})]),
    "a float": ("D3", [written(keys={"amp": 8.0})]),
    "a stop with more": ("D3", [written(keys={"frc": 1, "amp": 6})]),
    "a start without amp": ("D3", [written(keys={"frc": 2})]),
    "an old reading": ("S1", [written(meter_age_s=15.5)]),
    "an old status": ("S1", [written(charger_age_s=41.0)]),
    "over a person": ("U1", [written(foreign=True)]),
    "beyond the fuse": ("F1", [written(meter_a=(15.5, 0.0, 0.0))]),
    "in haste": ("B2", [written(), written(at_s=5004.0, keys={"amp": 7}, before_a=8)]),
    "a hasty stop": ("T1", [written(), written(at_s=5290.0, keys={"frc": 1}, before_a=8)]),
    "too often": ("B1", [written(at_s=5000.0 + 80 * n, keys={"amp": 6}, before_a=8) for n in range(10)]),
}


@pytest.mark.parametrize("what", BREACHES)
def test_the_oracle_sees_a_breach(tmp_path: Path, what: str) -> None:
    """Each promise is broken on purpose once; the oracle names it, and nothing in a life without."""
    from strategies.fast import Fast
    from tests.soak.life import LIMITS

    named, writes = BREACHES[what]
    world = Year(Fast, LIMITS, tmp_path, 1)
    world.plug()
    promises = Promises(world, LIMITS)
    for number, write in enumerate(writes):
        world.written.append(write)
        world.writes += 1
        if number < len(writes) - 1:
            promises.check()
    with pytest.raises(Broken, match=named):
        promises.check()
    world.ledger.close()


def test_every_fault_has_a_hand() -> None:
    """Each name in the list is a method of the life."""
    from tests.soak.life import Life

    assert all(callable(getattr(Life, name)) for name in FAULTS)
