"""The config file: defaults, advice, secrets, and the example that must stay true."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.credentials import TokenSource
from controller.errors import ConfigError
from controller.load_settings import load_settings
from controller.resources import config_dir
from controller.settings import ChargerSettings, MeterSettings, Settings
from controller.settings.tariffs import ZoneSettings

GOOD = """
[grid]
profile = "eastron-sdm630"
host = "192.0.2.1"
[charger]
serial = "4711"
"""

CAR = """
[[car]]
name = "A"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "ampilot.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(folder, text))
    return str(caught.value)


def test_the_least_config_has_safe_defaults(tmp_path: Path) -> None:
    """A meter and a serial number are enough; the rest has safe defaults."""
    settings = load_settings(write(tmp_path, GOOD))
    assert settings.charger.serial == "004711"
    limits = settings.limits()
    assert (limits.blind_a, limits.max_current_a, limits.comfort_writes_per_window) == (0, 16, 9)
    assert limits.leash_wh is None
    assert load_settings(write(tmp_path, GOOD + "energy_leash_kwh = 3.0\n")).limits().leash_wh == 3000.0


def test_a_mark_at_the_beginning_is_no_error(tmp_path: Path) -> None:
    """Editors of Windows write one, and nobody can see it in line 1."""
    path = tmp_path / "ampilot.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.strip().replace("\n", "\r\n").encode())
    assert load_settings(path).charger.serial == "004711"


@pytest.mark.parametrize(
    "change", ['[tariff]\nimport_price = "zones"\n', "[site]\nlatitude = 48.0\n", CAR + CAR]
)
def test_what_is_said_of_a_whole_table_is_the_advice(tmp_path: Path, change: str) -> None:
    """That [tariff] is about prices is no remedy."""
    assert "Remedy" not in problem(tmp_path, GOOD + change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (GOOD.replace('"4711"', '"47x1"'), ["[charger] serial", "47x1", "six digits"]),
        (GOOD.replace('serial = "4711"', ""), ["[charger] serial", "missing", "Remedy"]),
        (GOOD + "fuse = 3\n", ["[charger] fuse", "not an option"]),
        (GOOD + "max_curent_a = 8\n", ["max_curent_a", "Did you mean max_current_a?"]),
        (GOOD + "max_current_a = 40\n", ["[charger] max_current_a", "40", "32"]),
        (GOOD + "max_current_a = 8.5\n", ["[charger] max_current_a", "8.5"]),
        (GOOD + "energy_leash_kwh = 1.9\n", ["[charger] energy_leash_kwh", "1.9", "2"]),
        (GOOD + "energy_leash_kwh = 3000\n", ["[charger] energy_leash_kwh", "3000", "50"]),
        (GOOD + "energy_leash_kwh = false\n", ["[charger] energy_leash_kwh", "False"]),
        (GOOD + "energy_leash_wh = 3000\n", ["energy_leash_wh", "Did you mean energy_leash_kwh?"]),
        (GOOD + 'base_url = "http://evil.example"\n', ["[charger] base_url", "https"]),
        (GOOD + 'transport = "local"\n', ["[charger]", "host"]),
        (GOOD + '[site]\ntimezone = "Mars/Base"\n', ["[site] timezone", "Mars/Base", "IANA"]),
        (GOOD + "[site]\nblind_a = 10\n", ["[site]", "worst_house_a"]),
        (GOOD + "[timing]\nmeter_fresh_s = 21\n", ["[timing] meter_fresh_s", "20"]),  # the guard's own age
        (GOOD.replace("192.0.2.1", "http://192.0.2.1"), ["[grid] host", "without http://"]),
        (GOOD.replace("192.0.2.1", "192.0.2.1:502"), ["[grid] host", "the port is an option of its own"]),
        (GOOD.replace("192.0.2.1", "192.0.2.1 "), ["[grid] host", "a name or an address"]),
        (GOOD + 'transport = "local"\nhost = "http://192.0.2.2"\n', ["[charger] host", "without http://"]),
        (
            GOOD + 'transport = "local"\nhost = "me:pw@192.0.2.2"\n',
            ["[charger] host", "a name or an address"],
        ),
        (GOOD + "[timing]\nmeter_poll_s = 15.0\n", ["[timing]", "poll_s below fresh_s"]),
        (GOOD + "[timing]\ncharger_poll_s = 40.0\n", ["[timing]", "poll_s below fresh_s"]),
        (GOOD + "[site]\nfuse_a = 7.5\n", ["fuse_a less fuse_margin_a leaves 5.5 A", "could ever charge"]),
        (GOOD + "[timing]\ncharger_fresh_s = 61\n", ["[timing] charger_fresh_s", "60"]),
        (GOOD + "[prices]\nimport_ct_per_kwh = nan\n", ["[prices] import_ct_per_kwh", "finite"]),
        (GOOD.replace('host = "192.0.2.1"', ""), ["[grid]", "needs host"]),
        (GOOD + "[[car]]\nphases = 1\n", ["[[car]] 1 name", "missing", "Remedy"]),
        (GOOD + CAR + '[[car]]\nname = "B"\nphases = 4\n', ["[[car]] 2 phases", "found '4'", "Remedy"]),
        (GOOD + CAR + "max_curent_a = 8\n", ["[[car]] 1 max_curent_a", "Did you mean max_current_a?"]),
        (GOOD + CAR + "min_current_a = 10\nmax_current_a = 8\n", ["[[car]] 1", "above max_current_a"]),
        (GOOD + CAR + CAR, ["[car]", "card of its own"]),
        (GOOD + '[[departure]]\ntime = "7:00"\nneed_kwh = 9.0\n', ["[[departure]] 1 time", "7:00", "17:30"]),
        (GOOD + '[[departure]]\ntime = "07:00"\n', ["[[departure]] 1", "need_kwh or target_pct is missing"]),
        (
            GOOD + '[[departure]]\ntime = "07:00"\ntarget_pct = 80.0\n',
            ["[[departure]] 1 target_pct", "battery_kwh in [[car]]", "need_kwh"],
        ),
        (
            GOOD + CAR + '[[departure]]\ntime = "07:00"\nneed_kwh = 8.0\ncar = "B"\n',
            ["[[departure]] 1 car", "'B'", "known: A"],
        ),
        (
            GOOD + '[[departure]]\ntime = "07:00"\nneed_kwh = 9.0\ndays = ["Mon-Fri"]\ndate = "2027-08-14"\n',
            ["[[departure]] 1", "exclude each other"],
        ),
        (
            GOOD + '[[departure]]\ntime = "07:00"\nneed_kwh = 9.0\ndate = "14.8.2027"\n',
            ["[[departure]] 1 date", "14.8.2027", "2027-08-14"],
        ),
        (
            GOOD + '[[departure]]\ntime = "07:00"\nneed_kwh = 9.0\ndays = ["Mo-Fr"]\n',
            ["[[departure]] 1", "Mo-Fr", "Mon-Wed"],
        ),
        (GOOD + "[plan]\nceiling_ct = 30.0\n", ["[plan] ceiling_ct", "Did you mean ceiling_ct_per_kwh?"]),
        (GOOD + CAR + CAR + "card = 2\n", ["[car]", "name of its own"]),
        (GOOD + CAR + "battery_kwh = 0.5\n", ["[[car]] 1 battery_kwh", "found '0.5'", "usable"]),
        (GOOD + CAR + "charge_efficiency = 90.0\n", ["[[car]] 1 charge_efficiency", "share"]),
        (GOOD + CAR + "assumed_soc_pct = 40.0\n", ["[[car]] 1", "needs battery_kwh"]),
        (GOOD + '[interface]\nhost = "0.0.0.0"\n', ["[interface]", "needs token_file"]),
        (GOOD + '[interface]\nhost = "my-pi"\n', ["[interface] host", "found 'my-pi'", "no name"]),
        (GOOD + "[interface]\nport = 0\n", ["[interface] port", "found '0'", "listen"]),
        (GOOD + '[interface]\ntoken = "canary-7f3a1"\n', ["[interface] token_file", "file of its own"]),
        (GOOD + "[car]\nname = 'A'\n", ["[car]", "[[car]]"]),
        ("[grid\n", ["ampilot.toml", "line 1"]),
    ],
)
def test_a_mistake_reads_like_advice(tmp_path: Path, change: str, named: list[str]) -> None:
    """Every mistake names the file, the key and what is accepted."""
    text = problem(tmp_path, change)
    for word in ["ampilot.toml", *named]:
        assert word in text


@pytest.mark.parametrize("key", ["token", "goe_token", "api_password"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    """A token pasted into the config is refused without being echoed."""
    text = problem(tmp_path, GOOD + f'{key} = "canary-7f3a"\n')
    assert "canary-7f3a" not in text
    assert "token_file" in text


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "fe80::1"])
def test_x9_the_network_is_let_in_with_a_token_only(tmp_path: Path, host: str) -> None:
    """An address beyond this machine needs token_file; loopback does not."""
    beyond = f'{GOOD}[interface]\nport = 8770\nhost = "{host}"\n'
    assert "token_file" in problem(tmp_path, beyond)
    assert load_settings(write(tmp_path, f'{beyond}token_file = "x"\n')).interface.host == host
    for here in ("127.0.0.1", "127.0.0.2", "::1"):
        assert load_settings(write(tmp_path, beyond.replace(f'"{host}"', f'"{here}"'))).interface.port == 8770


@given(st.binary(max_size=200))
def test_any_bytes_give_settings_or_advice(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever is in the file, the only error is ours."""
    path = tmp_path_factory.mktemp("fuzz") / "ampilot.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError):
        load_settings(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    """A path that is no file says so."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=re.escape(str(path))):
            load_settings(path)


def test_cars_reach_the_core_as_they_are_named(tmp_path: Path) -> None:
    """Each table is a car; what is left out stays open, to be learned."""
    text = GOOD + CAR + '[[car]]\nname = "Zoe"\ncard = 2\nmin_current_a = 8\nsurvives_pauses = false\n'
    first, second = load_settings(write(tmp_path, text)).known_cars()
    assert (first.key, first.phases, first.min_current_a, first.survives_pauses) == ("default", *[None] * 3)
    assert (second.key, second.name, second.min_current_a) == ("card 2", "Zoe", 8)
    assert second.survives_pauses is False


def _options(model: type, prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        inner = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next((c for c in inner if isinstance(c, type) and hasattr(c, "model_fields")), None)
        if section is MeterSettings and name != "grid":
            found.add(name)
        elif section is not None:
            found |= _options(section, f"{name}.")
        else:
            found.add(f"{prefix}{name}")
    return found


def test_the_example_shows_every_option_once_and_its_default() -> None:
    """The example file names every option exactly once; commented defaults are the true ones."""
    lines = (config_dir() / "ampilot.example.toml").read_text("utf-8").splitlines()
    shown, table, uncommented = [], "", []
    for line in lines:
        section = re.match(r"#? ?\[(\w+)\]", line)
        several = re.match(r"# (\[\[([\w.]+)\]\]|\[(\w+\.\w+)\])", line)
        option = re.match(r"(# )?(\w+) = ", line)
        if several:
            table = (several[2] or several[3]).rpartition(".")[2]
            line = several[1]
        elif section:
            table = section[1]
            if line.startswith("#"):
                shown.append(table)
                continue
        elif option:
            shown.append(f"{table}.{option[2]}")
        uncommented.append(line.removeprefix("# ") if option else line)
    assert sorted(shown) == sorted(_options(Settings))
    document = tomllib.loads("\n".join(uncommented))
    for zone in (*document["tariff"].pop("zones"), *document["tariff"].pop("grid_fees")):
        assert ZoneSettings.model_validate(zone)  # samples of which each needs another choice
    for departure in document["departure"]:
        del departure["date"]  # a sample of both kinds, of which each excludes the other
    assert Settings.model_validate(document)
    for table, section in document.items():
        if isinstance(section, list):  # samples: everything about a car is learned by default
            continue
        annotation = Settings.model_fields[table].annotation
        model = next(
            m for m in [*getattr(annotation, "__args__", ()), annotation] if hasattr(m, "model_fields")
        )
        for key, value in section.items():
            default = model.model_fields[key].default
            if table not in ("grid", "charger", "strategy", "forecast", "notify"):
                assert default is None or value == default, f"{table}.{key}"


SITES = sorted((config_dir() / "sites").glob("*.toml"))


@pytest.mark.parametrize("site", SITES, ids=lambda path: path.stem)
def test_example_sites_load(site: Path) -> None:
    """The complete example sites are valid."""
    assert load_settings(site).grid.profile


# -- the token --------------------------------------------------------------------------------------------


def charger(path: Path | None) -> ChargerSettings:
    return ChargerSettings(serial="1", token_file=str(path) if path else None)


def token_file(folder: Path, text: str = "abcd1234\n", mode: int = 0o600) -> Path:
    path = folder / "goe_token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_token_comes_from_its_file_and_is_read_again(tmp_path: Path) -> None:
    """A renewed token is picked up without a restart."""
    path = token_file(tmp_path)
    source = TokenSource(charger(path), {})
    assert source() == "abcd1234"
    path.unlink()
    token_file(tmp_path, "efgh5678")
    assert source() == "efgh5678"


def test_the_credential_wins(tmp_path: Path) -> None:
    """Under systemd the credential is used."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    token_file(folder, "from-systemd", 0o440)
    assert TokenSource(charger(None), {"CREDENTIALS_DIRECTORY": str(folder)})() == "from-systemd"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """A token file readable by others is refused with the remedy, without the token."""
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        TokenSource(charger(token_file(tmp_path, mode=mode)), {})()
    assert "abcd1234" not in str(caught.value)


def test_links_empty_and_odd_tokens_are_refused(tmp_path: Path) -> None:
    """A link, an empty file and one with control characters are no tokens."""
    path = token_file(tmp_path)
    link = tmp_path / "link"
    link.symlink_to(path)
    empty = tmp_path / "empty"
    empty.touch(0o600)
    for bad in (link, empty, tmp_path / "none"):
        with pytest.raises(ConfigError):
            TokenSource(charger(bad), {})()
    token_file(tmp_path, "abcd\x1b[2J")
    with pytest.raises(ConfigError):
        TokenSource(charger(path), {})()
    with pytest.raises(ConfigError, match="token_file"):
        TokenSource(charger(None), {})()


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """What the command prints, read as JSON."""
    command = [sys.executable, "-m", "controller", "check", "--schema"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert printed.stderr == b""
    return json.loads(printed.stdout)


def complaints(schema: dict[str, Any], value: Any, rule: dict[str, Any], where: str = "") -> list[str]:
    """Return what a JSON-schema checker would find: the keywords an editor needs, no more."""
    if "$ref" in rule:
        rule = schema["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in rule:
        tries = [complaints(schema, value, option, where) for option in rule["anyOf"]]
        return [] if [] in tries else [f"{where}: none of {len(tries)}"]
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "integer": int,
        "number": (int, float),
    }
    kind = rule.get("type")
    is_bool = isinstance(value, bool)
    if kind is not None and (not isinstance(value, kinds.get(kind, ())) or (is_bool and kind != "boolean")):
        return [f"{where}: no {kind}"]
    found = []
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{where}: not one of {rule['enum']}")
    if "pattern" in rule and not re.search(rule["pattern"], value):
        found.append(f"{where}: pattern")
    if "minimum" in rule and value < rule["minimum"]:
        found.append(f"{where}: below {rule['minimum']}")
    if "maximum" in rule and value > rule["maximum"]:
        found.append(f"{where}: above {rule['maximum']}")
    if isinstance(value, list):
        for place, item in enumerate(value):
            found += complaints(schema, item, rule["items"], f"{where}[{place}]")
    if isinstance(value, dict) and "properties" in rule:
        known = rule["properties"]
        found += [f"{where}: unknown {key}" for key in value if key not in known]
        assert rule["additionalProperties"] is False
        found += [f"{where}: {key} missing" for key in rule.get("required", []) if key not in value]
        for key in value.keys() & known.keys():
            found += complaints(schema, value[key], known[key], f"{where}.{key}")
    return found


@pytest.mark.parametrize("path", [config_dir() / "ampilot.example.toml", *SITES], ids=lambda path: path.stem)
def test_the_schema_accepts_what_is_shipped(schema: dict[str, Any], path: Path) -> None:
    """The example and the complete houses are valid by the printed schema."""
    assert complaints(schema, tomllib.loads(path.read_text("utf-8")), schema) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("fuse = 3\n", "unknown fuse"),
        ("max_current_a = 40\n", "above 32"),
        ("max_current_a = 5\n", "below 6"),
        ("max_current_a = 8.5\n", "no integer"),
        ('allow_phase_switch = "yes"\n', "no boolean"),
        ('transport = "pigeon"\n', "not one of"),
        ("[stie]\n", "unknown stie"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(
    schema: dict[str, Any], tmp_path: Path, change: str, named: str
) -> None:
    """An editor shows the same mistakes as the start would."""
    text = GOOD + change
    assert any(named in line for line in complaints(schema, tomllib.loads(text), schema))
    problem(tmp_path, text)


def test_the_schema_needs_meter_and_charger_and_says_what_each_option_is(schema: dict[str, Any]) -> None:
    """Least content, a word for every option, a serial number of digits, and no secret among the keys."""
    assert sorted(schema["required"]) == ["charger", "grid"]
    assert complaints(schema, tomllib.loads(GOOD.replace("4711", "47x1")), schema) == [
        ".charger.serial: pattern"
    ]
    tables = [schema, *schema["$defs"].values()]
    options = [(name, option) for table in tables for name, option in table["properties"].items()]
    assert len(options) > 60
    assert all(option.get("description") for _, option in options)
    assert not {"token", "password"} & {name for name, _ in options}
