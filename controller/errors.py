"""Errors, named by what the caller does about them and by whose fault they are.

Adapters translate their library's exceptions into these at the border; nothing above `meters/`, `chargers/`
or `tariffs/` ever sees httpx or pymodbus. No message carries a token.
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


class TariffError(AmpilotError):
    """Prices could not be fetched; what is known stays."""


class TariffUnreachable(TariffError):
    """No usable answer: network, 5xx, timeout. Temporary."""


class TariffBusy(TariffError):
    """The service asks for a pause (429, or 503 with a time)."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TariffRefused(TariffError):
    """The request itself was refused (401, 403 and other 4xx): an operator must act."""


class TariffImplausible(TariffError):
    """An answer came, but it cannot be true or is not of the known shape."""


class LedgerError(AmpilotError):
    """The ledger could not be written; control goes on and says so."""


class LedgerFull(LedgerError):
    """No space left, or the file may not grow."""


class LedgerCorrupt(LedgerError):
    """The database is damaged or from a newer version."""


class ForecastError(AmpilotError):
    """No forecast of the sun could be had; the last one ages, and the clear sky remains."""


class ForecastUnreachable(ForecastError):
    """No usable answer: network, 5xx, timeout. Temporary."""


class ForecastBusy(ForecastError):
    """The source asks for patience (429): not before `retry_at_s`, UTC, where it says when."""

    def __init__(self, message: str, *, retry_at_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_at_s = retry_at_s


class ForecastRefused(ForecastError):
    """The request itself was refused (other 4xx): place, roof, site or token are wrong."""


class ForecastImplausible(ForecastError):
    """The source answered, but the answer cannot be true: another shape, other units, absurd numbers."""


class NotifyError(AmpilotError):
    """A message could not be delivered; it is tried again, and control does not notice."""


class StrategyError(AmpilotError):
    """No such strategy, or it cannot be built from its options."""


class Bug(AmpilotError):
    """An assertion of ours failed: hold or lower, and be loud."""
