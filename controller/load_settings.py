"""Read the config file; every problem becomes one line of advice.

Places read like `[charger] serial`. What was found is shown, except for anything that may be secret.
"""

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from controller.errors import ConfigError
from controller.settings import Settings
from controller.settings.notify import NotifySettings

MAX_FILE_BYTES = 256 * 1024
_SECRET = re.compile(r"token|password|secret|cak", re.IGNORECASE)
_UNION_TAGS = frozenset({"bool", "int", "float", "str"})


def load_settings(path: Path) -> Settings:
    """Read and check the config file.

    Raises ConfigError with one line per problem: file, key, what was found, what is accepted.
    """
    document = read_toml(path)
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        lines = [_advice(path, document, item) for item in error.errors(include_input=False)]
        raise ConfigError("\n".join(lines)) from None


def load_notify(path: Path) -> NotifySettings:
    """Return the section [notify] alone: it is needed just when the rest of the file is wrong.

    Raises ConfigError as `load_settings` does, for this section.
    """
    document = read_toml(path)
    try:
        return NotifySettings.model_validate(document.get("notify", {}))
    except ValidationError as error:
        found = error.errors(include_input=False)
        lines = [_advice(path, document, {**item, "loc": ("notify", *item["loc"])}) for item in found]
        raise ConfigError("\n".join(lines)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as a table; raises ConfigError that names file and line."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(
                f"{path}: larger than {MAX_FILE_BYTES // 1024} kB. Remedy: is this the right file?"
            )
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))  # Windows' editors begin with a mark
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file. Remedy: copy ampilot.example.toml there, or name yours with --config."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8. Remedy: save it as UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}. Remedy: correct that line.") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}. Remedy: check path and rights."
        ) from None


def _advice(path: Path, document: dict[str, Any], item: Any) -> str:
    """Return one problem as a sentence a person can act on."""
    where = [part for part in item["loc"] if part not in _UNION_TAGS]
    key = str(where[-1]) if where else ""
    place = _place(where)
    if item["type"] == "missing":
        return f"{path}: {place} is missing. {_accepted(where)}"
    if item["type"] == "extra_forbidden":
        if _SECRET.search(key):
            at = {"tariff": "[tariff.market] token_file", "notify": f"{_place(where[:-1])} secret_file"}
            at["interface"] = "[interface] token_file"
            named = at.get(str(where[0]), "[charger] token_file")
            return (
                f"{path}: {place} is not an option; a secret does not belong in this file. Remedy: put the "
                f"token in a file of its own, mode 0600, and name it in {named}."
            )
        near = get_close_matches(key, _keys_of(where[:-1]), n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(_keys_of(where[:-1]))}."
        return f"{path}: {place} is not an option. {hint}"
    found = "" if _SECRET.search(key) else _found(document, where)
    message = item["msg"].removeprefix("Value error, ")
    # What our own checks say of a whole table is the advice; that [tariff] is about prices helps nobody.
    whole = item["type"] == "value_error" and _model_at(where) is not None
    return f"{path}: {place or 'the file'}: {found}{message}. {'' if whole else _accepted(where)}".rstrip()


def _place(where: list[Any]) -> str:
    """Return a place of the file as people read it: `[charger] serial`, `[[car]] 2 phases`."""
    if not where:
        return ""
    numbered = next((place for place, part in enumerate(where) if isinstance(part, int)), None)
    if numbered is not None:
        table, rest = ".".join(map(str, where[:numbered])), where[numbered + 1 :]
        return " ".join([f"[[{table}]]", str(where[numbered] + 1), *map(str, rest)])
    table, key = ".".join(map(str, where[:-1])), str(where[-1])
    if _model_at(where) is not None:
        return f"[{table}.{key}]" if table else f"[{key}]"
    return f"[{table}] {key}" if table else (f"[{key}]" if key in Settings.model_fields else key)


def _found(document: Any, where: list[Any]) -> str:
    """Return what stands in the file at this place, short; nothing for a whole table."""
    for part in where:
        inside = isinstance(document, dict) and part in document
        if not inside and not (isinstance(document, list) and isinstance(part, int)):
            return ""
        document = document[part]
    if isinstance(document, dict | list):
        return ""
    return f"found {str(document)[:60]!r}, "


def _model_at(where: list[Any]) -> type[BaseModel] | None:
    model: type[BaseModel] = Settings
    for part in where:
        if isinstance(part, int):  # one of several tables of the same model
            continue
        field = model.model_fields.get(str(part))
        if field is None:
            return None
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
        inner = [c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)]
        if not inner:
            return None
        model = inner[0]
    return model


def _keys_of(where: list[Any]) -> list[str]:
    model = _model_at(where)
    return sorted(model.model_fields) if model else []


def _accepted(where: list[Any]) -> str:
    model = _model_at(where[:-1]) if where else None
    field = model.model_fields.get(str(where[-1])) if model else None
    return f"Remedy: {field.description}." if field is not None and field.description else ""
