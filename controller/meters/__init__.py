"""Meters behind one Protocol (`controller.model.Meter`): Modbus devices described by profiles."""

from controller.clock import Clock
from controller.errors import ConfigError
from controller.meters.decode import Site
from controller.meters.line import Line, Link
from controller.meters.modbus import ModbusMeter
from controller.meters.profile import Profile, Role, load_profile, profile_names
from controller.settings import MeterSettings

__all__ = ["ModbusMeter", "Profile", "Role", "load_profile", "open_meters", "profile_names"]


def open_meters(wanted: dict[Role, MeterSettings], clock: Clock) -> dict[Role, ModbusMeter]:
    """Return a meter per role; roles on the same address share one line. Nothing is connected yet.

    Raises ConfigError for an unknown profile or a role it does not have.
    """
    lines: dict[Link, Line] = {}
    meters: dict[Role, ModbusMeter] = {}
    for role, settings in wanted.items():
        profile = load_profile(settings.profile)
        if role not in profile.roles:
            raise ConfigError(
                f"[{role}] profile {profile.id} offers {', '.join(profile.roles)}, not {role}. "
                "Remedy: ampilot check --profiles lists who offers what"
            )
        link = _link(settings, profile)
        if link not in lines:
            timeout_s = max(settings.timeout_s, profile.limits.timeout_s or 0.0)
            lines[link] = Line(link, clock=clock, timeout_s=timeout_s)
        meters[role] = ModbusMeter(
            profile,
            role,
            lines[link],
            clock=clock,
            unit_id=profile.unit_id if settings.unit_id is None else settings.unit_id,
            site=Site(settings.reverse, settings.word_order, settings.byte_order, settings.max_power_w),
            gap_s=settings.min_gap_s,
        )
    return meters


def _link(settings: MeterSettings, profile: Profile) -> Link:
    if settings.transport == "rtu":
        return Link(
            "rtu",
            device=settings.device or "",
            baudrate=settings.baudrate or profile.serial.baudrate,
            parity=settings.parity or profile.serial.parity,
            stopbits=settings.stopbits or profile.serial.stopbits,
        )
    return Link(settings.transport, host=settings.host or "", port=settings.port or profile.port)
