"""Where the files that ship with the package are: meter profiles, examples, the service unit's config."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "data" / "config"
_CHECKOUT = Path(__file__).parents[1] / "config"


def config_dir() -> Path:
    """Return the folder with `ampilot.example.toml`, `meters/` and `sites/`, installed or in a checkout."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
