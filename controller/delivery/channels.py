"""The ways to a person: ntfy over HTTP, e-mail, MQTT. Each sends one message or raises NotifyError.

The libraries of e-mail and MQTT are the optional extra `notify` and are loaded when a channel needs them. No
error carries an address, a topic or a secret.
"""

import importlib.util
import json
import ssl
import sys
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from types import MappingProxyType
from typing import Protocol

from controller.credentials import TokenSource
from controller.delivery.wording import Message
from controller.errors import ConfigError, NotifyError
from controller.fetch import Fetcher, tls_context
from controller.settings.notify import (
    ChannelSettings,
    EmailSettings,
    MqttSettings,
    NotifySettings,
    NtfySettings,
)

ANSWER_S = 10.0
SEND_S = 15.0
MAX_ANSWER_BYTES = 64 * 1024
NTFY_PRIORITY = MappingProxyType({"info": 2, "warning": 3, "error": 5})
Secret = Callable[[], str]


class Channel(Protocol):
    """A way to a person. `name` is said in the log."""

    name: str
    min_severity: str

    async def send(self, message: Message) -> None:
        """Deliver one message. Raises NotifyError."""
        ...

    async def close(self) -> None:
        """Drop connections."""
        ...


class Ntfy:
    """A topic at an ntfy server: JSON by POST, so that the title may hold any letter."""

    def __init__(self, settings: NtfySettings, name: str, secret: Secret | None) -> None:
        self.name, self.min_severity = name, settings.min_severity
        base, _, self._topic = settings.url.rstrip("/").rpartition("/")
        self._secret = secret
        self._fetcher = Fetcher(
            base,
            timeout_s=ANSWER_S,
            failure=NotifyError,
            max_bytes=MAX_ANSWER_BYTES,
            ca_file=settings.ca_file,
        )

    async def send(self, message: Message) -> None:
        """Deliver one message. Raises NotifyError."""
        body = {
            "topic": self._topic,
            "title": message.title,
            "message": message.text,
            "priority": NTFY_PRIORITY[message.severity],
        }
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret()}"
        answer = await self._fetcher.post("/", json.dumps(body).encode(), headers)
        if answer.status in (401, 403):
            raise NotifyError(f"not allowed in ({answer.status}). Remedy: is the token right?")
        if not 200 <= answer.status < 300:
            raise NotifyError(f"the server answered {answer.status}")

    async def close(self) -> None:
        """Drop connections."""
        await self._fetcher.close()


class Email:
    """A mailbox, by SMTP with TLS."""

    def __init__(self, settings: EmailSettings, name: str, secret: Secret | None) -> None:
        self.name, self.min_severity = name, settings.min_severity
        self._settings, self._secret = settings, secret
        self._tls = None if settings.tls == "none" else tls_context(settings.ca_file)

    async def send(self, message: Message) -> None:
        """Deliver one message. Raises NotifyError."""
        import aiosmtplib

        chosen = self._settings
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = chosen.sender, chosen.to, message.title
        mail["Date"], mail["Message-ID"] = formatdate(localtime=True), make_msgid(domain="ampilot.invalid")
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        try:
            await aiosmtplib.send(
                mail,
                hostname=chosen.host,
                port=chosen.port or {"starttls": 587, "tls": 465, "none": 25}[chosen.tls],
                username=chosen.user,
                password=None if self._secret is None else self._secret(),
                use_tls=chosen.tls == "tls",
                start_tls=chosen.tls == "starttls",
                tls_context=self._tls,
                timeout=ANSWER_S,
            )
        except aiosmtplib.SMTPAuthenticationError:
            raise NotifyError("not allowed in. Remedy: are user and password right?") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise NotifyError(f"the mail server did not take it ({type(error).__name__})") from None

    async def close(self) -> None:
        """Do nothing: each message has a connection of its own."""


class Mqtt:
    """A topic at an MQTT broker: JSON, delivered at least once (QoS 1), not retained."""

    def __init__(self, settings: MqttSettings, name: str, secret: Secret | None) -> None:
        self.name, self.min_severity = name, settings.min_severity
        self._settings, self._secret = settings, secret
        self._tls: ssl.SSLContext | None = None
        if settings.tls == "tls":
            self._tls = tls_context(settings.ca_file)

    async def send(self, message: Message) -> None:
        """Deliver one message. Raises NotifyError."""
        import aiomqtt

        chosen = self._settings
        body = {
            "severity": message.severity,
            "kinds": list(message.kinds),
            "title": message.title,
            "text": message.text,
        }
        try:
            async with aiomqtt.Client(
                chosen.host,
                chosen.port or (1883 if self._tls is None else 8883),
                username=chosen.user,
                password=None if self._secret is None else self._secret(),
                tls_context=self._tls,
                timeout=ANSWER_S,
            ) as client:
                await client.publish(chosen.topic, json.dumps(body), qos=1)
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise NotifyError(f"the broker did not take it ({type(error).__name__})") from None

    async def close(self) -> None:
        """Do nothing: each message has a connection of its own."""


def secret_of(settings: ChannelSettings) -> TokenSource | None:
    """Return where the secret comes from: the credential named like its file, else the file."""
    if settings.secret_file is None:
        return None
    return TokenSource(settings, credential=settings.secret_file.rpartition("/")[2])


def open_channels(settings: NotifySettings) -> tuple[list[Channel], list[TokenSource], list[str]]:
    """Return the channels, the secrets to keep out of everything said, and what cannot be used.

    Raises ConfigError where a secret or a file of certificates cannot be read.
    """
    channels: list[Channel] = []
    secrets: list[TokenSource] = []
    missing: list[str] = []
    wanted = [
        *(("ntfy", None, one, Ntfy) for one in settings.ntfy),
        *(("email", "aiosmtplib", one, Email) for one in settings.email),
        *(("mqtt", "aiomqtt", one, Mqtt) for one in settings.mqtt),
    ]
    counted: dict[str, int] = {}
    for table, library, one, build in wanted:
        counted[table] = counted.get(table, 0) + 1
        name = f"{table} {counted[table]}"
        if library is not None and importlib.util.find_spec(library) is None:
            missing.append(
                f"[[notify.{table}]] needs {library}, which is not installed. "
                f"Remedy: {sys.executable} -m pip install {library}"
            )
            continue
        secret = secret_of(one)
        if secret is not None:
            secret()
            secrets.append(secret)
        try:
            channels.append(build(one, name, secret))
        except OSError as error:
            raise ConfigError(
                f"[[notify.{table}]] ca_file {one.ca_file}: {error.strerror or 'no certificates in it'}. "
                "Remedy: name a file of certificates in PEM form."
            ) from None
    return channels, secrets, missing
