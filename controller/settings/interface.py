"""The section `[interface]`: whether programs may ask and tell this controller over HTTP, and from where."""

import ipaddress

from pydantic import Field, field_validator, model_validator

from controller.settings.section import Section


class InterfaceSettings(Section):
    """The HTTP interface; off without a port. Beyond this machine it wants a token."""

    port: int | None = Field(None, ge=1, le=65535, description="where to listen; none: nobody is listened to")
    host: str = Field("127.0.0.1", description="address to listen at; 0.0.0.0 is every one of this machine")
    token_file: str | None = Field(
        None, min_length=1, description="file with what callers must show, mode 0600; or the credential"
    )

    @field_validator("host")
    @classmethod
    def _an_address(cls, value: str) -> str:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise ValueError("accepted: an address such as 127.0.0.1, ::1 or 0.0.0.0, no name") from None

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> "InterfaceSettings":
        if self.token_file is None and not ipaddress.ip_address(self.host).is_loopback:
            raise ValueError(f'host "{self.host}" lets the network in and needs token_file')
        return self
