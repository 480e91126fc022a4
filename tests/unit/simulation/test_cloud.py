"""The served house as any other program meets it: the real command, real HTTP, no clock in any assertion."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest


class Served:
    """`ampilot house` in a process of its own; what it prints says where it listens."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.said: dict[str, str] = {}
        assert process.stdout is not None
        for line in process.stdout:
            name, _, text = line.strip().partition(" ")
            self.said[name] = text.strip()
            if name == "try":
                break
        self.token = re.search(r"token (\S+)", self.said["charger"])[1]  # type: ignore[index]

    def get(self, name: str, path: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Return status and JSON of one request to `charger` (the cloud) or `local`."""
        port = int(re.search(r"127\.0\.0\.1:(\d+)", self.said[name])[1])  # type: ignore[index]
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer.status, body


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    command = [sys.executable, "-m", "controller", "house", "--sky", "clear"]
    command += ["--modbus-port", "0", "--http-port", "0", "--local-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield Served(process)
        process.terminate()


def test_the_cloud_answers_who_knows_the_token(served: Served) -> None:
    """200 with the keys asked for; 401 without a token or with a wrong one, and then nothing of the box."""
    assert served.get("charger", "/api/status?filter=amp,frc", served.token) == (200, {"amp": 16, "frc": 0})
    for wrong in (None, "guess", served.token + "x"):
        status, body = served.get("charger", "/api/status?filter=amp", wrong)
        assert (status, body["success"]) == (401, False)
        assert "amp" not in body


def test_a_switched_off_cloud_api_answers_403(served: Served) -> None:
    """`cae` off in the app: 403 to reads and writes alike, nothing is taken; back when on."""
    assert served.get("local", "/api/set?cae=false") == (200, {"cae": True})
    status, body = served.get("charger", "/api/status?filter=amp", served.token)
    assert (status, "amp" in body) == (403, False)
    assert served.get("charger", "/api/set?amp=10", served.token)[0] == 403
    assert served.get("local", "/api/status?filter=amp") == (200, {"amp": 16})
    served.get("local", "/api/set?cae=true")
    assert served.get("charger", "/api/status?filter=amp", served.token) == (200, {"amp": 16})


def test_a_wrong_token_is_401_even_while_the_api_is_off(served: Served) -> None:
    """Who does not know the token does not learn whether the API is on."""
    served.get("local", "/api/set?cae=false")
    assert served.get("charger", "/api/status", "guess")[0] == 401
    served.get("local", "/api/set?cae=true")


def test_the_local_api_sets_at_once_and_says_which_key_failed(served: Served) -> None:
    """Each key gets its own answer; the refused one changes nothing."""
    status, answer = served.get("local", "/api/set?amp=5&psm=1")
    assert (status, answer["psm"]) == (500, True)
    assert "range 6 to 32" in answer["amp"]
    assert served.get("local", "/api/status?filter=amp,psm") == (200, {"amp": 16, "psm": 1})
