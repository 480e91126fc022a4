"""What every section of the config is made of: strictness, and where a secret may travel."""

import re

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the file: unknown keys, NaN and text for numbers are refused; inputs stay out of errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


def is_safe_url(value: str) -> bool:
    """Return whether a secret may travel to this address: encrypted, or without leaving this machine."""
    return (
        re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", value) is not None
        or re.fullmatch(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?/?", value) is not None
    )
