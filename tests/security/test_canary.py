"""X1: the search for secrets finds what it must; the real process shows its token in no form, nowhere."""

import base64
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canary import forms, leaks, shown
from tests.faults.host_rig import HostRig
from tests.faults.rig import TOKEN
from tests.notify.servers import NtfyServer

ROOT = Path(__file__).parents[2]
LEAKING = """
import logging
def test_printed(tmp_path): print('the token is', 'canary' + '-11aa22')
def test_logged(tmp_path): logging.warning('canary' + '-11aa22')
def test_a_file(tmp_path): (tmp_path / 'ledger.db').write_bytes(b'x canary' + b'-11aa22 y')
def test_nothing(tmp_path): (tmp_path / 'token').write_text('canary' + '-11aa22' + chr(10))
"""


def test_x1_the_watch_over_the_suite_can_fail(tmp_path: Path) -> None:
    """A test that prints, logs or files a secret fails; one that only has a token file passes."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text("utf-8"))
    (tmp_path / "test_leak.py").write_text(LEAKING)
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-c", "/dev/null"]
    result = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "--basetemp", str(tmp_path / "base"), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    shutil.rmtree(tmp_path / "base")  # or the watch over this very test finds it
    assert result.returncode == 1
    said = sorted(re.findall(r"^(PASSED|FAILED) \S+::test_(\w+)", result.stdout, re.MULTILINE))
    assert said == [("FAILED", "a_file"), ("FAILED", "logged"), ("FAILED", "printed"), ("PASSED", "nothing")]
    assert result.stdout.count("a secret was left behind") >= 3


@pytest.mark.parametrize("before", ["", "a", "ab", "Bearer "])
def test_x1_every_form_of_a_secret_is_found(before: str) -> None:
    """As it is, percent-encoded, hexadecimal, and in base64 wherever it begins."""
    secret = "zanary-4c1d77ee"
    raw = (before + secret + "!").encode()
    for text in (raw, base64.b64encode(raw), raw.hex().encode(), "".join(f"%{b:02x}" for b in raw).encode()):
        assert shown(b"GET /" + text + b" HTTP/1.1", [secret]) is not None, text
    assert len(set(forms(secret))) >= 6
    assert shown(b"nothing of the kind", [secret]) is None


async def test_x1_x2_a_process_at_its_most_talkative_shows_no_token(tmp_path: Path) -> None:
    """Level debug, a refused token, a message, a stop: log, ledger, process list, environment, requests."""
    async with NtfyServer() as ntfy:
        more = f'[log]\nlevel = "debug"\n[[notify.ntfy]]\nurl = "http://127.0.0.1:{ntfy.port}/t"\n'
        async with HostRig(tmp_path, more=more) as rig:
            await rig.charging()
            proc = Path(f"/proc/{rig.pid}")
            seen = (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
            rig.served.cloud.fail("token_revoked")
            await rig.until(lambda: bool(ntfy.posts), 40, "a person is told")
            assert b"python" in seen
        texts = [seen, rig.output, str(ntfy.posts).encode()]
        texts += [f"{request.path}?{request.query}".encode() for request in rig.served.cloud.requests]
        assert len(texts) > 5
        assert [hit for text in texts if (hit := shown(text, [TOKEN]))] == []
        assert list(leaks(tmp_path, [TOKEN])) == []
