"""Errors, named by what the caller does about them and by whose fault they are.

Adapters translate their library's exceptions into these at the border; nothing above `meters/` or
`chargers/` ever sees httpx or pymodbus. No message carries a token.
"""


class AmpilotError(Exception):
    """Base of every error of this project."""


class ConfigError(AmpilotError):
    """The operator must act: the message names file, key, what was found, what is accepted. Exit code 78."""


class MeterError(AmpilotError):
    """A meter could not be read; the previous reading keeps ageing."""


class MeterUnreachable(MeterError):
    """No answer: refused, reset, silent or too slow. Temporary; the connection was dropped."""


class MeterRefused(MeterError):
    """The device answered with a Modbus exception."""

    def __init__(self, message: str, *, exception_code: int) -> None:
        super().__init__(message)
        self.exception_code = exception_code


class MeterImplausible(MeterError):
    """The device answered, but the answer cannot be true: NaN, a sentinel, out of range, the wrong device."""


class WrongDevice(MeterImplausible):
    """Another device answers at the meter's address; the connection was dropped."""


class ChargerError(AmpilotError):
    """The charger could not be read."""


class ChargerUnreachable(ChargerError):
    """No usable answer: network, 5xx, timeout, not JSON. Temporary."""


class ChargerOffline(ChargerError):
    """The cloud knows the charger but has no fresh data (403, 404)."""

    def __init__(self, message: str, *, age_s: float | None = None) -> None:
        super().__init__(message)
        self.age_s = age_s


class ChargerRefused(ChargerError):
    """The request itself was refused (422 and other 4xx)."""


class AuthRejected(ChargerError):
    """The token was refused (401): permanent until the operator renews it."""


class LedgerError(AmpilotError):
    """The ledger could not be written; control goes on and says so."""


class LedgerFull(LedgerError):
    """No space left, or the file may not grow."""


class LedgerCorrupt(LedgerError):
    """The database is damaged or from a newer version."""


class StrategyError(AmpilotError):
    """No such strategy, or it cannot be built from its options."""


class Bug(AmpilotError):
    """An assertion of ours failed: hold or lower, and be loud."""
