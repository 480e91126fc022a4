"""What every section of the config is made of: strictness, and where a secret may travel."""

import re

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the file: unknown keys, NaN and text for numbers are refused; inputs stay out of errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def checked_host(value: str | None) -> str | None:
    """Return a host as it is. Raises ValueError for a web address, a path, a login, a blank."""
    if value is not None and not re.fullmatch(r"[^\s/@]+", value):
        raise ValueError("accepted: a name or an address such as 192.168.1.20, without http:// and path")
    return value


def is_safe_url(value: str) -> bool:
    """Return whether a secret may travel to this address: encrypted, or without leaving this machine."""
    return (
        re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", value) is not None
        or re.fullmatch(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?/?", value) is not None
    )
