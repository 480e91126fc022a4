"""The section `[notify]`: who is told, by ntfy, e-mail or MQTT, from which severity on."""

import re
from typing import Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from controller.settings.section import Section

SeverityName = Literal["info", "warning", "error"]
HERE = ("127.0.0.1", "localhost", "::1")
ADDRESS = r"[^@\s<>\",;:]+@[^@\s<>\",;:]+"


class ChannelSettings(Section):
    """What all channels have."""

    min_severity: SeverityName = Field("warning", description="info, warning or error: least that is told")
    secret_file: str | None = Field(
        None, min_length=1, description="file that holds the password or token, mode 0600; or the credential"
    )
    ca_file: str | None = Field(
        None, min_length=1, description="certificates to trust, instead of the public ones"
    )

    @property
    def token_file(self) -> str | None:
        """Return the file of the secret, as `TokenSource` asks for it."""
        return self.secret_file


class NtfySettings(ChannelSettings):
    """A topic at an ntfy server. Who knows its name can read it: choose one nobody guesses."""

    url: str = Field(description="https://server/topic; http:// on this machine only")

    @field_validator("url")
    @classmethod
    def _safe_url(cls, value: str) -> str:
        topic = r"/[A-Za-z0-9_-]{1,64}/?"
        if re.fullmatch(rf"https://[A-Za-z0-9.\-\[\]:]+{topic}", value):
            return value
        if re.fullmatch(rf"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?{topic}", value):
            return value
        raise ValueError("accepted: https://server/topic, or http:// on this machine only")


class EmailSettings(ChannelSettings):
    """A mailbox, reached through a mail server."""

    host: str = Field(min_length=1, description="the mail server that takes messages")
    port: int | None = Field(None, ge=1, le=65535, description="default: 587 for starttls, 465 for tls")
    tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls, tls, or none on this machine only"
    )
    user: str | None = Field(
        None, min_length=1, max_length=200, description="to log in as; needs secret_file"
    )
    sender: str = Field(max_length=200, description="address the message is from")
    to: str = Field(max_length=200, description="address the message goes to")

    @field_validator("sender", "to")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.fullmatch(ADDRESS, value) or not value.isprintable():
            raise ValueError("accepted: one plain address such as me@example.org")
        return value

    @model_validator(mode="after")
    def _safe(self) -> "EmailSettings":
        if self.tls == "none" and self.host not in HERE:
            raise ValueError('tls = "none" is for a mail server on this machine only')
        return _with_secret(self, self.user)


class MqttSettings(ChannelSettings):
    """A topic at an MQTT broker."""

    host: str = Field(min_length=1, description="the broker")
    port: int | None = Field(None, ge=1, le=65535, description="default: 8883 for tls, 1883 for none")
    tls: Literal["tls", "none"] = Field(
        "tls", description="tls, or none: then your network can read password and messages"
    )
    user: str | None = Field(
        None, min_length=1, max_length=200, description="to log in as; needs secret_file"
    )
    topic: str = Field("ampilot/notify", description="where messages are published, as JSON")

    @field_validator("topic")
    @classmethod
    def _plain_topic(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s+#$/][^+#]{0,199}", value) or not value.isprintable():
            raise ValueError("accepted: a topic without + and #, at most 200 letters")
        return value

    @model_validator(mode="after")
    def _safe(self) -> "MqttSettings":
        return _with_secret(self, self.user)


class NotifySettings(Section):
    """Who is told what went wrong. Without a channel it is the log alone, which always is."""

    ntfy: list[NtfySettings] = Field(
        default_factory=list, max_length=4, description="topics, a table [[notify.ntfy]] for each"
    )
    email: list[EmailSettings] = Field(
        default_factory=list, max_length=4, description="mailboxes, a table [[notify.email]] for each"
    )
    mqtt: list[MqttSettings] = Field(
        default_factory=list, max_length=4, description="brokers, a table [[notify.mqtt]] for each"
    )


C = TypeVar("C", bound=ChannelSettings)


def _with_secret(channel: C, user: str | None) -> C:
    if (user is None) is not (channel.secret_file is None):
        raise ValueError("user and secret_file are given together or not at all")
    return channel
