"""`ampilot forecast` as a person sees it, and the settings behind it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from typer.testing import CliRunner

from controller.cli.main import app
from controller.clock import SimClock
from controller.errors import ConfigError
from controller.forecast import cache, past
from controller.forecast.answers import Answer, SunStep
from controller.forecast.spread import MIXED, Issued
from controller.ledger.ledger import Ledger
from controller.ledger.tick_store import ReadingRow, TickStore
from controller.load_settings import load_settings
from controller.simulation.sun import clear_sky_w_per_m2

NOW = datetime(2026, 6, 24, 16, 4, tzinfo=UTC)
DAYS = 10
CONFIG = """
[grid]
profile = "eastron-sdm630"
host = "127.0.0.1"
[charger]
serial = "000001"
[ledger]
path = "{ledger}"
[forecast]
{forecast}
"""
PLACE = "latitude_deg = 48.14\nlongitude_deg = 11.58"


def light(at_s: float) -> float:
    at = datetime.fromtimestamp(at_s, UTC)
    return clear_sky_w_per_m2(at.timetuple().tm_yday, at.hour * 3600 + at.minute * 60, 48.14, 11.58)


def config(folder: Path, forecast: str = PLACE) -> Path:
    path = folder / "ampilot.toml"
    path.write_text(CONFIG.format(ledger=folder / "ledger.db", forecast=forecast))
    return path


def filled(folder: Path) -> Path:
    """Write ten days of readings, an answer two hours old, and a day of forecasts that were given."""
    end_s = int(NOW.timestamp())
    begin_s = end_s // 900 * 900 - DAYS * 86_400
    clock = SimClock(NOW)
    ledger = Ledger.open(folder / "ledger.db", clock)
    ticks = TickStore(ledger)
    steps, told = [], []
    for at_s in range(begin_s, end_s + 3 * 86_400, 900):
        steps.append(SunStep(at_s, at_s + 900, light(at_s + 450) * 0.8))
        if at_s < end_s:
            told.append((at_s, light(at_s + 450) * 0.8))
            base_w = 400 - 6 * light(at_s + 450)
            for second in range(60, 901, 60):
                row = ReadingRow((at_s + second) * 1000, base_w, base_w, None, None, 0.0, 0, 1)
                ticks.record_reading(row)
    ledger.flush()
    past.keep_sunlight(ledger, "open_meteo ghi", told)
    given = [
        Issued(end_s // 900 * 900 - n * 900, 24, -900.0, 1000.0, 6000.0, MIXED, "open_meteo", 900.0)
        for n in range(2, 98)
    ]
    past.keep_issued(ledger, given)
    ledger.close()
    cache.save(folder / "ledger.db.forecast.json", Answer("open_meteo", "ghi", end_s - 7200.0, tuple(steps)))
    return config(folder)


def said(path: Path, *more: str) -> str:
    with time_machine.travel(NOW, tick=False):
        result = CliRunner().invoke(app, ["forecast", "--config", str(path), *more], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output + str(result.exception)
    return result.output


def test_tomorrow_by_the_hour_with_source_age_and_skill(tmp_path: Path) -> None:
    """What a person asks: how much, when, how sure, says who, how old, and whether to believe it."""
    text = said(filled(tmp_path))
    assert "Thursday, 25 June: about" in text
    assert "from open_meteo" in text
    assert "Source: open_meteo, 2.0 h old" in text
    assert "Learned from 10.0 days of the grid meter" in text
    lines = {line[:5]: line for line in text.splitlines() if line[2:3] == ":"}
    assert len(lines) == 24
    noon, night = lines["13:00"], lines["02:00"]
    expected, p10, p90 = (float(number) for number in noon.split()[1:4])
    truth_kw = (6 * light(datetime(2026, 6, 25, 11, 30, tzinfo=UTC).timestamp()) - 400) / 1000
    assert expected == pytest.approx(truth_kw, abs=0.4)
    assert p10 <= expected <= p90
    assert "█" in noon
    assert "█" not in night
    assert float(night.split()[1]) == pytest.approx(-0.4, abs=0.1)
    (skill,) = [line for line in text.splitlines() if line.startswith("24 h")]
    assert skill.split()[-1] == "96"


def test_everything_goes_into_a_file_and_a_picture(tmp_path: Path) -> None:
    """JSON with quarters and skill; a picture that is one."""
    path = filled(tmp_path)
    document, picture = tmp_path / "x.json", tmp_path / "x.png"
    said(path, "--day", "today", "--json", str(document), "--plot", str(picture))
    found = json.loads(document.read_text())
    assert (found["day"], len(found["quarters"])) == ("2026-06-24", 96)
    assert found["standing"]["source"] == "open_meteo"
    assert found["skill"][0]["quarters"] == 96
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_the_days_of_the_clock_change_have_their_hours(tmp_path: Path) -> None:
    """The hour that comes twice has two lines."""
    path = filled(tmp_path)
    with time_machine.travel(datetime(2026, 10, 24, 10, tzinfo=UTC), tick=False):
        result = CliRunner().invoke(app, ["forecast", "--config", str(path), "--json", str(tmp_path / "x")])
    assert result.exit_code == 0
    assert json.loads((tmp_path / "x").read_text())["quarters"] == []  # four months without a reading


def test_without_a_ledger_or_a_place_it_says_what_to_do(tmp_path: Path) -> None:
    """Nothing measured, nothing configured: no error, but a remedy."""
    text = " ".join(said(config(tmp_path, "")).split())
    assert "Nothing has been measured yet" in text
    assert "latitude_deg and longitude_deg in [forecast]" in text
    assert "cannot be said yet" in text


@pytest.mark.parametrize("day", ["2026-06-23", "2026-07-01", "soon"])
def test_another_day_is_refused_with_advice(tmp_path: Path, day: str) -> None:
    """Yesterday, next month and nonsense."""
    with time_machine.travel(NOW, tick=False):
        result = CliRunner().invoke(app, ["forecast", "--config", str(config(tmp_path)), "--day", day])
    assert isinstance(result.exception, ConfigError)
    assert "--day" in str(result.exception)
    assert "accepted" in str(result.exception)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("latitude_deg = 48.14", ["[forecast]", "belong together"]),
        (PLACE + '\nsource = "forecast_solar"', ["needs planes", "tilt_deg"]),
        (PLACE + '\nsource = "solcast"', ["site_id and token_file"]),
        (PLACE + '\nsource = "oracle"', ["[forecast] source", "open_meteo"]),
        (PLACE + "\nplanes = [{ tilt_deg = 95, azimuth_deg = 0, peak_kw = 8 }]", ["tilt_deg", "90"]),
        (PLACE + "\nplanes = [{ tilt = 30, azimuth_deg = 0, peak_kw = 8 }]", ["tilt_deg is missing"]),
        (PLACE + '\nbase_url = "http://weather.example"', ["base_url", "https"]),
        (PLACE + '\nsite_id = "../x"', ["site_id", "letters"]),
        ('source = "forecast_solar"', ["a place is needed"]),
        ("latitude_deg = 89.0\nlongitude_deg = 0.0", ["latitude_deg", "66"]),
    ],
)
def test_a_mistake_in_the_section_reads_like_advice(tmp_path: Path, text: str, named: list[str]) -> None:
    """File, key, and what is accepted."""
    with pytest.raises(ConfigError) as caught:
        load_settings(config(tmp_path, text))
    for word in ["ampilot.toml", *named]:
        assert word in str(caught.value)
