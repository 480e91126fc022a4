"""X13 to X15 and the threat model itself: what is installed, what the code may not contain or promise."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-build.lock",
    "requirements-mutants.lock",
)
OWN_LOCK = "mutants"
"""An extra with a lock of its own: half an hour of work that few do needs not be installed by all."""


def entries(lock: str) -> list[str]:
    """Return the entries of a lock, each as one line."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", name, maxsplit=1)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_x13_every_package_is_pinned_with_its_hashes(lock: str) -> None:
    """One version each, with SHA-256, from an index only: no address, no editable, no option."""
    found = entries(lock)
    assert found
    for line in found:
        assert re.match(
            r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^ ;]+( ;[^-]+)? +--hash=sha256:[0-9a-f]{64}", line
        ), line
        assert "@" not in line.split(" --hash")[0].partition(";")[0]


def test_x13_the_locks_hold_what_the_project_asks_for() -> None:
    """Each dependency of the daemon, and of the extra the service is installed with, is in its lock."""
    wanted = {plain(name) for name in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["notify"])}
    daemon = {plain(line) for line in entries("requirements.lock")}
    everything = {plain(line) for line in entries("requirements-dev.lock")}
    assert wanted <= daemon
    assert daemon <= everything
    mutants = {plain(line) for line in entries("requirements-mutants.lock")}
    for name, extra in PROJECT["optional-dependencies"].items():
        assert {plain(one) for one in extra} <= (mutants if name == OWN_LOCK else everything)


def test_x13_what_is_installed_is_checked_against_the_hashes() -> None:
    """The installer passes no package that is not in a lock; a wrong hash stops pip, which is tried here."""
    installer = (ROOT / "systemd" / "install.sh").read_text("utf-8")
    fetching = [line for line in installer.splitlines() if re.search(r"\$pip (install|download)", line)]
    assert len(fetching) >= 4
    assert all("--require-hashes" in line or "--no-deps" in line for line in fetching)


def test_x13_a_wrong_hash_stops_pip(tmp_path: Path) -> None:
    """A wheel that is another than the lock says is not installed; offline."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(wheels),
    ]
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tiny"\nversion = "1"\n[tool.hatch.build.targets.wheel]\ninclude = ["tiny.py"]\n'
    )
    (tmp_path / "src" / "tiny.py").write_text("")
    subprocess.run([*build, str(tmp_path / "src")], check=True, capture_output=True, timeout=100)
    (tmp_path / "lock").write_text(f"tiny==1 --hash=sha256:{'0' * 64}\n")
    install = [
        "install",
        "--no-index",
        "--find-links",
        str(wheels),
        "--require-hashes",
        "-r",
        str(tmp_path / "lock"),
    ]
    result = subprocess.run(
        [sys.executable, "-m", "pip", *install, "--target", str(tmp_path / "into")],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode != 0
    assert "DO NOT MATCH" in result.stderr
    assert not (tmp_path / "into" / "tiny.py").exists()


FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "yaml", "ctypes", "telnetlib", "ftplib"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def test_x13_nothing_runs_what_it_reads() -> None:
    """No pickle, no YAML, no eval, no shell; only plugins loads code, by entry points."""
    found = []
    for folder in ("controller", "strategies"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names: set[str] = set()
                if isinstance(node, ast.Import):
                    names = {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    names = {(node.module or "").partition(".")[0]}
                elif isinstance(node, ast.Call):
                    if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                        found.append(f"{path.name}:{node.lineno} {node.func.id}")
                    found += [
                        f"{path.name}:{node.lineno} shell" for word in node.keywords if word.arg == "shell"
                    ]
                found += [f"{path.name}:{node.lineno} {name}" for name in names & FORBIDDEN_MODULES]
    assert found == []


def test_x14_the_service_is_nobody_and_leaves_no_core() -> None:
    """A user of its own, no capability, no core dump, nothing to write but its state."""
    unit = (ROOT / "systemd" / "ampilot.service").read_text("utf-8")
    for line in (
        "User=ampilot",
        "CapabilityBoundingSet=\n",
        "LimitCORE=0",
        "ProtectSystem=strict",
        "UMask=0077",
    ):
        assert line in unit
    assert not re.search(
        r"^(Environment|ExecStart)=.*(token|secret|password)", unit, re.IGNORECASE | re.MULTILINE
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd on this machine")
def test_x14_the_unit_that_tells_of_a_failure_is_shut_in_too() -> None:
    """It speaks to the network, so it has a sandbox of its own: exposure at most 1.5 on systemd's scale."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15"]
    result = subprocess.run(
        [*command, "systemd/ampilot-failure@.service"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout[-300:]


def test_x15_there_is_no_update_by_itself() -> None:
    """The product never calls pip, and never sends the key that updates the charger."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "controller").rglob("*.py"))
    assert not re.search(r"[\"']pip[\"']|ensurepip", text)
    assert not re.search(r"[\"']oct[\"']", text)


def test_every_threat_has_its_defence_and_its_test() -> None:
    """SECURITY.md names X1 to X17, and for each that is defended a test that exists and bears its number."""
    rows = {}
    for line in (ROOT / "SECURITY.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if re.fullmatch(r"X\d+", cells[0]):
            rows[cells[0]] = cells
    assert list(rows) == [f"X{number}" for number in range(1, 18)]
    there = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for number, cells in rows.items():
        assert len(cells) == 4
        assert all(cells), number
        named = re.findall(r"test_\w+", cells[3])
        assert named, number
        for name in named:
            assert name in there, f"{number} names {name}, which does not exist"
