"""Is a car on the cable? A phase change breaks the pilot, and some boxes say "no car" meanwhile."""

from dataclasses import replace

from controller.limits import Limits
from controller.line.link import LATE_S, Link
from controller.line.pending import Knobs
from controller.model import CarState, ChargerStatus

UNPLUG_DEBOUNCE_S = 25.0
"""A phase switch breaks the pilot for 10 s and some firmware reports "no car" meanwhile (go-e: `psmd`)."""


def cable(link: Link, status: ChargerStatus, now_s: float, limits: Limits) -> tuple[Link, bool, bool]:
    """Return the link with the car's presence, and whether it just left or came.

    During a phase switch "no car" is believed only after it has lasted.
    """
    if status.car in (CarState.UNKNOWN, CarState.INITIALIZING, CarState.ERROR):
        return link, False, False
    if status.connected:
        if link.connected and link.absent_since_s is None:
            return link, False, False
        return replace(link, connected=True, gone=False, absent_since_s=None), False, not link.connected
    if link.gone:
        return link, False, False
    since_s = link.absent_since_s if link.absent_since_s is not None else now_s
    switching = link.phase_write_s is not None and now_s - link.phase_write_s < limits.phase_give_up_s
    if switching and now_s - since_s < UNPLUG_DEBOUNCE_S:
        return replace(link, absent_since_s=since_s), False, False
    return replace(link, connected=False, gone=True, absent_since_s=None), link.connected, False


def with_phases_moved(link: Link, knobs: Knobs, now_s: float) -> Link:
    """Return the link with a phase change under way since now where one shows that none of ours explains.

    One that was given up as lost and arrives, or somebody else's: it breaks the pilot like any other.
    """
    moved = link.knobs.phase_mode not in (None, knobs.phase_mode)
    explained = link.phase_write_s is not None and now_s - link.phase_write_s < LATE_S
    return replace(link, phase_write_s=now_s) if moved and not explained else link


def rebooted(link: Link, status: ChargerStatus) -> bool:
    counted = link.reboot_count is not None and status.reboot_count is not None
    if counted and status.reboot_count != link.reboot_count:
        return True
    timed = link.uptime_ms is not None and status.uptime_ms is not None
    return bool(timed and status.uptime_ms < link.uptime_ms)  # type: ignore[operator]


def left_unseen(before_wh: float | None, session_wh: float | None, *, neutral: bool) -> bool:
    """Return whether one car left and one came between two reads: the box counts a session anew.

    It has forgotten then what it was told, too; a count that alone begins anew is a whim of the box.
    """
    return neutral and before_wh is not None and session_wh is not None and session_wh < before_wh
