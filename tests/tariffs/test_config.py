"""The section [tariff]: what it means, and what it says when it cannot mean anything."""

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from controller.clock import SimClock
from controller.errors import ConfigError
from controller.load_settings import load_settings
from controller.tariffs import public_holidays
from controller.tariffs.areas import AREAS
from controller.tariffs.assembly import Tariffs, open_tariffs
from controller.tariffs.public_holidays import Holidays

HOUSE = """
[grid]
profile = "eastron-sdm630"
host = "192.0.2.1"
[charger]
serial = "1"
[ledger]
path = "{folder}/ledger.db"
"""
WEDNESDAY = datetime(2026, 1, 14, 11, tzinfo=UTC)


def opened(folder: Path, text: str, now: datetime = WEDNESDAY) -> Tariffs:
    path = folder / "ampilot.toml"
    path.write_text(HOUSE.format(folder=folder) + text, encoding="utf-8")
    return open_tariffs(load_settings(path), SimClock(now), lambda *said: None)


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(folder, text)
    return str(caught.value)


MARKET = '[tariff]\nimport_price = "market"\n[tariff.market]\n'


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('[tariff]\nimport_price = "cheap"\n', ["[tariff] import_price", "fixed", "market"]),
        ('[tariff]\nimport_price = "market"\n', ["[tariff]", "[tariff.market]"]),
        ('[tariff]\nimport_price = "zones"\n', ["[tariff]", "[[tariff.zones]]"]),
        ("[[tariff.zones]]\nct_per_kwh = 5.0\n", ["import_price", "[[tariff.grid_fees]]"]),
        (
            '[tariff]\nimport_price = "zones"\n[[tariff.zones]]\nct_per_kwh = 5.0\n[[tariff.zones]]\n'
            'ct_per_kwh = 5.0\nhours = ["02:10-05:00"]\n',
            ["[[tariff.zones]] 2 hours", "02:10-05:00", "quarters of an hour"],
        ),
        (
            "[[tariff.grid_fees]]\nct_per_kwh = 5.0\nhour = []\n",
            ["[[tariff.grid_fees]] 1 hour", "Did you mean hours?"],
        ),
        ("[tariff]\nvat = 0.19\n", ["vat", "all-in already", "energy_only"]),
        ("[tariff]\nvat = 19.0\n", ["[tariff] vat", "19.0", "0.19"]),
        ('[tariff]\nprices_are = "energy_only"\n', ["energy_ct_per_kwh"]),
        ('[tariff]\nfeed_in = "spot"\n', ["feed_in", "[tariff.market]", "energy_charts"]),
        ('[tariff]\nstate = "BY"\n', ["state", "country"]),
        ('[[tariff.grid_fees]]\nct_per_kwh = 1.0\ndays = ["Holiday"]\n', ["Holiday", 'country = "DE"']),
        (MARKET + 'source = "epex"\n', ["[tariff.market] source", "epex", "energy_charts"]),
        (MARKET + 'source = "awattar"\narea = "FR"\n', ["[tariff.market]", "FR", "AT, DE-LU"]),
        (MARKET + 'source = "awattar"\nsecondary = "awattar"\n', ["secondary", "another"]),
        (MARKET + 'source = "octopus"\n', ["octopus", "product"]),
        (MARKET + 'source = "stromligning"\nsupplier = "a"\nproduct = "b"\n', ["area"]),
        (MARKET + 'source = "tibber"\nsecondary = "awattar"\n', ["tibber", "stand in"]),
        (MARKET + 'source = "awattar"\ncurrency = "DKK"\n', ["awattar", "EUR", "DKK"]),
        (MARKET + 'source = "tibber"\n', ["[tariff.market] token_file", "0600", "tariff_token"]),
        (MARKET + 'source = "awattar"\nbase_url = "http://evil.example"\n', ["base_url", "https"]),
        (
            MARKET.replace("[tariff.market]", "levies_ct_per_kwh = 5.0\n[tariff.market]")
            + 'source = "octopus"\nproduct = "A"\nregion = "C"\n',
            ["levies_ct_per_kwh", "all-in already"],
        ),
        (
            MARKET.replace('"market"\n', '"market"\nprices_are = "all_in"\n') + 'source = "awattar"\n',
            ["energy_only"],
        ),
    ],
)
def test_a_mistake_reads_like_advice(tmp_path: Path, text: str, named: list[str]) -> None:
    """Every mistake names the place and what is accepted."""
    said = problem(tmp_path, text)
    for word in named:
        assert word in said, said


def test_a_token_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """A token pasted into the section is refused without being echoed; it says where it belongs."""
    said = problem(tmp_path, MARKET + 'source = "tibber"\ntoken = "canary-55aa"\n')
    assert "canary-55aa" not in said
    assert "[tariff.market] token_file" in said


def test_without_a_section_prices_are_fixed(tmp_path: Path) -> None:
    """[prices] alone is the simple case: no source, no file, no question."""
    found = opened(tmp_path, "[prices]\nimport_ct_per_kwh = 29.5\n")
    assert found.feeds == []
    assert (found.now().import_ct_per_kwh, found.now().export_ct_per_kwh) == (29.5, 8.0)
    assert not (tmp_path / "prices").exists()


def test_zones_win_over_the_fixed_price_while_they_hold(tmp_path: Path) -> None:
    """[prices] is the price outside all zones, and switching prices stay those of [prices]."""
    text = '[prices]\nstart_ct = 2.5\n[tariff]\nimport_price = "zones"\n[[tariff.zones]]\nct_per_kwh = 21.0\n'
    night = text + 'hours = ["22:00-06:00"]\n'
    assert opened(tmp_path, night).now().import_ct_per_kwh == 32.0
    at_night = opened(tmp_path, night, datetime(2026, 1, 14, 22, tzinfo=UTC)).now()
    assert (at_night.import_ct_per_kwh, at_night.export_ct_per_kwh, at_night.start_ct) == (21.0, 8.0, 2.5)


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_the_token_comes_from_its_file(tmp_path: Path, mode: int) -> None:
    """A token others can read is refused at the start; a good one is known to the log as a secret."""
    token = tmp_path / "tibber_token"
    token.write_text("canary-55aa\n")
    token.chmod(mode)
    text = MARKET + f'source = "tibber"\ntoken_file = "{token}"\n'
    if mode == 0o644:
        said = problem(tmp_path, text)
        assert "chmod 600" in said
        assert "canary-55aa" not in said
    else:
        assert opened(tmp_path, text).secrets() == ["canary-55aa"]


def test_the_codes_of_the_zones_are_no_typing_mistakes() -> None:
    """The last of 16 signs checks the others: weights 16 to 2, modulo 37 (ENTSO-E, EIC manual)."""
    signs = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    for name, area in AREAS.items():
        total = sum(signs.index(sign) * (16 - place) for place, sign in enumerate(area.eic[:15]))
        assert area.eic[15:] == signs[36 - (total - 1) % 37], name


# -- public holidays --------------------------------------------------------------------------------------


def test_holidays_come_from_the_library_and_stay_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bavaria has Corpus Christi, Berlin has not; a second start needs no second process."""
    file = tmp_path / "prices" / "holidays.json"
    bavaria = Holidays("DE", "BY", file)
    bavaria.learn([2026, 2027])
    assert [bavaria(day) for day in (date(2026, 6, 4), date(2026, 5, 1), date(2026, 6, 5))] == [
        True,
        True,
        False,
    ]
    assert bavaria(date(2027, 5, 27))
    monkeypatch.setattr(public_holidays.sys, "executable", "/nowhere/python")
    again = Holidays("DE", "BY", file)
    again.learn([2026, 2027])
    assert again(date(2026, 6, 4))
    monkeypatch.undo()
    berlin = Holidays("DE", "BE", file)
    berlin.learn([2026])
    assert not berlin(date(2026, 6, 4))
    assert not berlin.knows(2027)


def test_a_country_nobody_knows(tmp_path: Path) -> None:
    """A country or state that is none is for the operator to mend."""
    for place in ('country = "ZZ"', 'country = "DE"\nstate = "XX"'):
        said = problem(tmp_path, f"[tariff]\n{place}\n")
        assert "[tariff] country" in said
        assert "Remedy" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_root_writes_belongs_to_the_service(tmp_path: Path) -> None:
    """`sudo ampilot plan` before the service made the folder of prices: the service can use it."""
    os.chown(tmp_path, 1234, 1234)
    file = tmp_path / "prices" / "holidays.json"
    Holidays("DE", None, file).learn([2026])
    for path in (file.parent, file):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)


def test_holidays_that_cannot_be_worked_out_do_not_stop_the_charging(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the process cannot run the start goes on without holidays."""
    monkeypatch.setattr(public_holidays.sys, "executable", "/nowhere/python")
    found = opened(tmp_path, '[tariff]\ncountry = "DE"\n')
    assert found.now().import_ct_per_kwh == 32.0


def test_the_daemon_never_loads_the_library() -> None:
    """What takes 19 MB stays out of the process that runs for years."""
    code = "import sys, controller.daemon; sys.exit('holidays' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
