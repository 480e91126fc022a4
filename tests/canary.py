"""Every secret of the tests begins with `canary-`; whatever a test leaves behind is searched for it.

Each test that ends is looked at: what it printed and logged, and all files of its folder except those that
are the secret itself (a token file holds nothing else) and configs that a test wrote. A hit fails the test.
"""

import base64
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

CANARY = re.compile(rb"canary-[0-9A-Za-z-]{4,}")
INPUTS = (".toml", ".py", ".pem")
MOST_BYTES = 64 * 1024 * 1024


def forms(secret: str) -> list[bytes]:
    """Return how a secret may look: as it is, percent-encoded, and in base64 at each alignment."""
    raw = secret.encode()
    percent = "".join(f"%{byte:02X}" for byte in raw).encode()
    found = [raw, percent, percent.lower(), urllib.parse.quote(secret, safe="").encode(), raw.hex().encode()]
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        found.append(whole[-(-shift * 8 // 6) : len(whole) - 4])
    return found


def shown(text: bytes, secrets: Iterable[str] = ()) -> bytes | None:
    """Return the secret a text shows, None if none: any canary, and these in every form."""
    if (hit := CANARY.search(text)) is not None:
        return hit[0]
    return next((form for secret in secrets for form in forms(secret) if form in text), None)


def leaks(folder: Path, secrets: Iterable[str] = ()) -> Iterator[str]:
    """Yield which files below a folder show a secret."""
    secrets = list(secrets)
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.suffix in INPUTS:
            continue
        if path.stat().st_size > MOST_BYTES:
            continue
        try:
            content = path.read_bytes()
        except OSError:
            continue
        alone = CANARY.fullmatch(content.strip()) is not None
        if not alone and (hit := shown(content, secrets)) is not None:
            yield f"{path.relative_to(folder)} shows {hit.decode()}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Fail a test that passed and left a secret behind."""
    report = yield
    if call.when == "call" and report.passed:
        texts = [
            f"{name} shows {hit.decode()}" for name, text in report.sections if (hit := shown(text.encode()))
        ]
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if folder is not None:
            texts += leaks(folder)
        if texts:
            report.outcome = "failed"
            report.longrepr = "a secret was left behind: " + "; ".join(texts)
    return report
