"""Each channel against a real server on loopback: what arrives, over TLS, and what is said where it fails."""

import ssl
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import trustme

from controller.delivery.channels import Email, Mqtt, Ntfy, open_channels
from controller.delivery.wording import Message
from controller.errors import ConfigError, NotifyError
from controller.settings.notify import EmailSettings, MqttSettings, NotifySettings, NtfySettings
from tests.notify.servers import Broker, Mailbox, NtfyServer, smtp_server

SECRET = "canary-mail-9f"
MESSAGE = Message("error", ("meter",), "ampilot: the grid meter", "14:03 für 2 min\nNow: off.\nDo: look.")


class Authority:
    """A certificate authority of its own, in a file, and a server's side of TLS."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.file)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.server)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_ntfy_gets_topic_title_text_and_priority_over_tls(authority: Authority) -> None:
    """The document holds every letter; the token is in the header and nowhere else."""
    async with NtfyServer(tls=authority.server) as server:
        settings = NtfySettings(url=f"https://127.0.0.1:{server.port}/my-topic", ca_file=authority.file)
        channel = Ntfy(settings, "ntfy 1", lambda: SECRET)
        await channel.send(MESSAGE)
        await channel.close()
        headers, body = server.posts[0]
        assert body == {
            "topic": "my-topic",
            "title": MESSAGE.title,
            "message": MESSAGE.text,
            "priority": 5,
        }
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert headers[":line"] == "POST / HTTP/1.1"


async def test_a_server_nobody_vouches_for_gets_nothing(authority: Authority) -> None:
    """A certificate of an unknown authority: refused, for each channel, and no byte of the message leaves."""
    box = Mailbox()
    smtp = await smtp_server(box, authority.server)
    port = smtp.sockets[0].getsockname()[1]
    async with NtfyServer(tls=authority.server) as server, Broker(tls=authority.server) as broker:
        ntfy = Ntfy(NtfySettings(url=f"https://127.0.0.1:{server.port}/t"), "ntfy 1", None)
        email = Email(EmailSettings(host="127.0.0.1", port=port, sender="a@b", to="c@d"), "email 1", None)
        mqtt = Mqtt(MqttSettings(host="127.0.0.1", port=broker.port), "mqtt 1", None)
        for channel in (ntfy, email, mqtt):
            with pytest.raises(NotifyError):
                await channel.send(MESSAGE)
        assert (server.posts, box.mails, broker.published) == ([], [], [])
    smtp.close()


@pytest.mark.parametrize("mode", ["401", "500", "302", "huge"])
async def test_an_ntfy_that_refuses_is_an_error_without_address(mode: str) -> None:
    """A refusal, a redirect and an endless answer are failures; no text names topic or address."""
    async with NtfyServer(mode) as server:
        channel = Ntfy(NtfySettings(url=f"http://127.0.0.1:{server.port}/secret-topic"), "ntfy 1", None)
        with pytest.raises(NotifyError) as caught:
            await channel.send(MESSAGE)
        await channel.close()
        assert "secret-topic" not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)


async def test_a_mail_arrives_by_starttls_with_login(authority: Authority) -> None:
    """To the right mailbox, readable, from an automatic sender; the password is accepted."""
    box = Mailbox()
    smtp = await smtp_server(box, authority.server, login=True)
    settings = EmailSettings(
        host="127.0.0.1",
        port=smtp.sockets[0].getsockname()[1],
        user="me",
        secret_file="x",
        sender="ampilot@example.org",
        to="me@example.org",
        ca_file=authority.file,
    )
    await Email(settings, "email 1", lambda: SECRET).send(MESSAGE)
    mail = message_from_bytes(box.mails[0].replace(b"\r\n", b"\n"), policy=policy.default)
    assert box.recipients == ["me@example.org"]
    assert (mail["Subject"], mail["Auto-Submitted"]) == (MESSAGE.title, "auto-generated")
    assert mail.get_content().split("\n") == [*MESSAGE.text.split("\n"), ""]
    with pytest.raises(NotifyError, match="Remedy") as caught:
        await Email(settings, "email 1", lambda: "canary-wrong").send(MESSAGE)
    assert "canary-wrong" not in str(caught.value)
    smtp.close()


async def test_mqtt_gets_json_at_least_once(authority: Authority) -> None:
    """Published with QoS 1 over TLS, with user and password."""
    async with Broker(tls=authority.server) as broker:
        settings = MqttSettings(
            host="127.0.0.1", port=broker.port, user="me", secret_file="x", ca_file=authority.file
        )
        await Mqtt(settings, "mqtt 1", lambda: SECRET).send(MESSAGE)
        assert broker.published == [
            (
                "ampilot/notify",
                {"severity": "error", "kinds": ["meter"], "title": MESSAGE.title, "text": MESSAGE.text},
            )
        ]
        assert SECRET.encode() in broker.connects[0]


async def test_a_broker_that_refuses_is_an_error() -> None:
    """A wrong password is said without the password."""
    async with Broker("refused") as broker:
        channel = Mqtt(
            MqttSettings(host="127.0.0.1", port=broker.port, tls="none", user="me", secret_file="x"),
            "mqtt 1",
            lambda: SECRET,
        )
        with pytest.raises(NotifyError) as caught:
            await channel.send(MESSAGE)
        assert SECRET not in str(caught.value)


def config(folder: Path, text: str) -> NotifySettings:
    import tomllib

    return NotifySettings.model_validate(tomllib.loads(text.format(folder=folder)).get("notify", {}))


EMAIL = """
[[notify.email]]
host = "mail.example.org"
user = "me"
sender = "a@example.org"
to = "b@example.org"
secret_file = "{folder}/notify_email"
"""


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_secret_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """As the cloud's token: refused with the remedy, never shown."""
    secret = tmp_path / "notify_email"
    secret.write_text(SECRET)
    secret.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        open_channels(config(tmp_path, EMAIL))
    assert SECRET not in str(caught.value)


def test_the_credential_named_like_the_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under systemd the file itself need not be readable."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "notify_email").write_text("from-systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    channels, sources, missing = open_channels(config(tmp_path, EMAIL))
    assert ([c.name for c in channels], missing) == (["email 1"], [])
    assert sources[0].seen == ["from-systemd"]


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    """A ca_file that is none: refused with table and key."""
    (tmp_path / "ca.pem").write_text("nothing")
    text = '[[notify.ntfy]]\nurl = "https://ntfy.example/t"\nca_file = "{folder}/ca.pem"\n'
    with pytest.raises(ConfigError, match=r"\[\[notify.ntfy\]\] ca_file"):
        open_channels(config(tmp_path, text))


def test_without_the_extra_the_others_work_and_it_is_said(tmp_path: Path) -> None:
    """A library that is not installed costs its channel only, and the text says what to install."""
    script = (
        "import sys, importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('aiosmtplib', 'aiomqtt') else real(name, *a)\n"
        "from controller.delivery.channels import open_channels\n"
        "from controller.settings.notify import NotifySettings\n"
        "s = NotifySettings.model_validate({'ntfy': [{'url': 'https://n.example/t'}],\n"
        " 'mqtt': [{'host': 'b.example'}], 'email': [{'host': 'm.example', 'sender': 'a@b', 'to': 'c@d'}]})\n"
        "channels, _, missing = open_channels(s)\n"
        "print([c.name for c in channels]); print('\\n'.join(missing))\n"
        "print(sorted({'aiosmtplib', 'aiomqtt', 'paho'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    names, *missing, loaded = result.stdout.splitlines()
    assert (names, loaded) == ("['ntfy 1']", "[]"), result.stderr
    pip = f"Remedy: {sys.executable} -m pip install"
    assert [text.rpartition(". ")[2] for text in missing] == [f"{pip} aiosmtplib", f"{pip} aiomqtt"]


@pytest.mark.parametrize(
    ("table", "document"),
    [
        ("ntfy", {"url": "http://ntfy.example/topic"}),
        ("ntfy", {"url": "https://user:pass@ntfy.example/topic"}),
        ("ntfy", {"url": "https://ntfy.example/topic?auth=x"}),
        ("email", {"host": "mail.example", "tls": "none", "sender": "a@b", "to": "c@d"}),
        ("email", {"host": "m", "sender": "a@b", "to": "c@d\nBcc: e@f"}),
        ("email", {"host": "m", "sender": "a@b", "to": "c@d", "user": "me"}),
        ("mqtt", {"host": "b", "topic": "a/#"}),
        ("mqtt", {"host": "b", "secret_file": "x"}),
    ],
)
def test_what_would_leak_or_go_astray_is_refused(table: str, document: dict[str, object]) -> None:
    """No plain text beyond this machine, no secret in an address, no second recipient, no wild topic."""
    with pytest.raises(ValueError):
        NotifySettings.model_validate({table: [document]})
