"""The forecast on recorded days on which no number of it was chosen: printed, beside simple guesses.

"Perfect" means that the source told the truth of the sun; what is left to err about is the house's load.
"""

import pytest

from tests.unit.forecast.recorded_sun import HELD_OUT, TWO_WEEKS, House, line, live

HEAD = f"{'':<34} {'':>5} {'error':>6} {'bias':>6} {'held':>6} {'yester':>6} {'inside':>7} {'n':>6}  (W)"


@pytest.mark.parametrize("kind", ["power", "ghi"])
def test_with_perfect_irradiance_it_beats_both_simple_guesses(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two weeks, three days of them to learn: a day ahead the error is a fifth smaller at least."""
    skills = {one.lead_h: one for one in live(TWO_WEEKS, kind=kind)}  # type: ignore[arg-type]
    with capsys.disabled():
        print("\n" + HEAD)
        for one in skills.values():
            print(line(f"{TWO_WEEKS.name}, perfect, {kind}", one))
    day = skills[24]
    assert day.error_w < 0.8 * day.yesterday_error_w
    assert skills[6].error_w < 0.3 * skills[6].held_error_w
    assert skills[1].error_w < 0.67 * skills[1].held_error_w
    assert skills[1].error_w < day.error_w  # what was just measured helps
    for one in skills.values():
        assert abs(one.bias_w) < 200
        assert 0.7 <= one.inside <= 0.9


def test_an_irradiance_that_is_30_percent_off_still_helps_the_next_hours(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With a source that errs by 30 % a day its next hour is still far better than the last value held."""
    skills = {one.lead_h: one for one in live(TWO_WEEKS, error=0.3)}
    with capsys.disabled():
        print("\n" + HEAD)
        for one in skills.values():
            print(line(f"{TWO_WEEKS.name}, 30 % error", one))
    assert skills[1].error_w < 0.8 * skills[1].held_error_w
    assert skills[6].error_w < 0.5 * skills[6].held_error_w
    assert all(0.65 <= one.inside <= 0.92 for one in skills.values())


def test_without_any_source_it_is_better_than_yesterday(capsys: pytest.CaptureFixture[str]) -> None:
    """Own clear sky, dimmed as of late, never asks the network."""
    skills = {one.lead_h: one for one in live(TWO_WEEKS, told=False)}
    with capsys.disabled():
        print("\n" + HEAD)
        for one in skills.values():
            print(line(f"{TWO_WEEKS.name}, no source", one))
    assert skills[24].error_w < skills[24].yesterday_error_w
    assert skills[1].error_w < 0.8 * skills[1].held_error_w


@pytest.mark.slow
@pytest.mark.parametrize("house", HELD_OUT, ids=lambda house: house.name)
def test_on_every_held_out_week(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Twelve weeks through the year, three houses: the table of docs/forecast.md."""
    rows = []
    for name, options in (
        ("perfect, roof known", {"kind": "power"}),
        ("perfect, level ground", {}),
        ("30 % error", {"error": 0.3}),
        ("no source", {"told": False}),
    ):
        for one in live(house, **options):  # type: ignore[arg-type]
            rows.append((name, one))
    with capsys.disabled():
        print("\n" + HEAD)
        for name, one in rows:
            print(line(f"{house.name}, {name}", one))
    for name, one in rows:
        if name.startswith("perfect"):
            assert one.error_w < one.yesterday_error_w
            assert one.error_w < one.held_error_w
        assert 0.68 <= one.inside <= 0.9
