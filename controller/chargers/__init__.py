"""The charger behind one Protocol (`controller.model.Charger`): cloud, local, or both."""

from collections.abc import Callable

from controller.chargers.cloud import CloudTransport
from controller.chargers.failover import FailoverCharger
from controller.chargers.local import LocalTransport
from controller.clock import Clock
from controller.errors import ConfigError
from controller.model import Charger
from controller.settings import ChargerSettings

__all__ = ["CloudTransport", "FailoverCharger", "LocalTransport", "open_charger"]


def open_charger(settings: ChargerSettings, token: Callable[[], str], clock: Clock) -> Charger:
    """Return the charger the config describes; no connection is made yet."""
    if settings.transport == "cloud":
        return _cloud(settings, token, clock)
    if settings.host is None:
        raise ConfigError(f'[charger] transport "{settings.transport}" needs host')
    local = LocalTransport(settings.serial, settings.host, clock=clock, timeout_s=settings.timeout_s)
    if settings.transport == "local":
        return local
    return FailoverCharger(local, _cloud(settings, token, clock), clock=clock)


def _cloud(settings: ChargerSettings, token: Callable[[], str], clock: Clock) -> CloudTransport:
    try:
        return CloudTransport(
            settings.serial,
            token,
            clock=clock,
            base_url=settings.base_url,
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
        )
    except OSError as error:  # ssl's own errors are of this kind too
        reason = error.strerror or type(error).__name__
        raise ConfigError(
            f"[charger] ca_file {settings.ca_file!r} cannot be used ({reason}). "
            "Remedy: name a PEM file with certificates of authorities, or leave it out"
        ) from None
