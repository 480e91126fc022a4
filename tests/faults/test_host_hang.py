"""H5, H13: a process that hangs, and plug-ins that break every rule they have."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.limits import Limits
from controller.line.pipeline import initial, step
from controller.model import Off, SiteSnapshot, Wish
from controller.supervised import Supervised
from tests.faults.host_rig import SLACK_S, HostRig
from tests.faults.hostile_plugin import MODES, Hostile, install
from tests.faults.rig import raised

Bound = Callable[[str, str, float, float, str], None]
WATCHDOG_S = 3.0
"""In the unit it is 90 s; here ticks take 0.2 s instead of 10."""


@pytest.mark.slow
async def test_h5_a_stopped_process_is_aborted_and_started_anew(tmp_path: Path, bound: Bound) -> None:
    """SIGSTOP: no more pats, so the supervisor aborts; the next one reads, and charges on."""
    async with HostRig(tmp_path) as rig:
        await rig.charging()
        assert rig.process is not None
        rig.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        await rig.watched(WATCHDOG_S, 15)
        pats, writes, amp = rig.systemd.count("WATCHDOG=1"), len(rig.writes()), rig.box.amp
        reads = rig.meter_reads
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > pats, 15, "the next one decides")
        took_s = time.monotonic() - began
        await rig.until(lambda: rig.meter_reads > reads, 15, "the next one reads")
        assert not raised(rig.writes()[writes:], amp)
        await rig.charging()
    bound("H5", "hang to decisions again (watchdog 3 s here, 90 s installed)", 3 + 5 + SLACK_S, took_s, "s")


@pytest.mark.slow
async def test_h5_a_plugin_that_no_alarm_ends(tmp_path: Path, bound: Bound) -> None:
    """It blocks for ever, three times; each abort names it in a stack dump; then `surplus` decides."""
    rig = HostRig(
        tmp_path, strategy="hostile", strategy_options='mode = "stuck"', env=install(tmp_path / "site")
    )
    async with rig:
        aborts = 0
        while aborts < 6:
            await rig.until(lambda: rig.systemd.count("READY=1") > 0, 15, "it starts")
            if rig.said("event=strategy_replaced"):
                break
            rig.systemd.forget()
            await rig.watched(WATCHDOG_S, 20)
            aborts += 1
        assert b"hostile_plugin.py" in rig.output, "the dump does not say where it hung"
        await rig.until(lambda: rig.systemd.count("WATCHDOG=1") > 3, 10, "it decides")
        await rig.charging()
    bound("H5", "aborts until a plug-in that hangs is replaced", 3, aborts, "")


def shot(**values: object) -> SiteSnapshot:
    """Return a snapshot with a car and nothing known."""
    from controller.model import Quality

    return SiteSnapshot(0.0, 10.0, Quality.FRESH, Quality.FRESH, car_connected=True, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
def test_h13_each_breach_is_hold_or_lower(mode: str) -> None:
    """Whatever a plug-in does, the decision is made in time, counted, and wants nothing more."""
    strategy = Supervised("hostile", Hostile(mode), lambda name: Hostile(mode), time_limit_s=0.2)
    before = signal.getsignal(signal.SIGALRM)
    began = time.monotonic()
    state, decision = step(initial(strategy), shot(), strategy, Limits())
    assert time.monotonic() - began < 0.2 + SLACK_S
    assert state.strategy_faults == 1
    assert decision.wish.target == Off()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


class Calm:
    """Wants nothing and says so."""

    def __init__(self, name: str) -> None:
        self.name = name

    def initial(self) -> str:
        return self.name

    def decide(self, snap: SiteSnapshot, memory: object) -> tuple[Wish, object]:
        return Wish(Off(), self.name), memory


def test_h13_three_faults_in_ten_minutes_end_a_service() -> None:
    """Two do not, nor three in a longer time; the stand-in that fails too gives way to `off`, which stays."""
    strategy = Supervised("foreign", Hostile(), Calm)
    assert [strategy.failed(at) for at in (0.0, 300.0, 601.0)] == [None, None, None]
    assert strategy.failed(700.0) == "surplus"
    assert strategy.decide(shot(), None)[0].reason == "surplus"
    assert strategy.initial() == "surplus"
    assert [strategy.failed(at) for at in (710.0, 720.0, 730.0)] == [None, None, "off"]
    assert [strategy.failed(at) for at in (740.0, 750.0, 760.0)] == [None, None, None]
    assert strategy.decide(shot(), None)[0].reason == "off"
    assert Supervised("surplus", Calm("surplus"), Calm).replace() == "off"


SLOW_MODES = [pytest.param(mode, marks=pytest.mark.slow) for mode in MODES if mode != "forged_nan"]


@pytest.mark.parametrize("mode", ["forged_nan", *SLOW_MODES])
async def test_h13_the_built_in_takes_over(tmp_path: Path, bound: Bound, mode: str) -> None:
    """A hostile plug-in in the real process: nothing is raised for it; then `surplus` decides."""
    rig = HostRig(
        tmp_path, strategy="hostile", strategy_options=f'mode = "{mode}"', env=install(tmp_path / "site")
    )
    async with rig:
        await rig.until(lambda: rig.said("event=start"), 15, "it starts")
        began = time.monotonic()
        await rig.until(lambda: rig.said("event=strategy_replaced"), 20, "the stand-in takes over")
        took_s = time.monotonic() - began
        await rig.charging()
        await rig.until(lambda: len(rig.writes()) > 0, 20, "the stand-in sends something")
        hostile = rig.rows("SELECT action FROM decisions WHERE wish LIKE '%the strategy %'")
        assert hostile
        assert {action for (action,) in hostile} <= {"hold", "send off"}
        kinds = [row[0] for row in rig.rows("SELECT kind FROM events WHERE severity = 'error'")]
        assert kinds.count("strategy") == 1
        assert rig.rows("SELECT kind FROM latches WHERE acked_ms IS NULL") == [("plugin",)]
        assert all(line.count(b"Remedy") <= 1 for line in rig.output.splitlines())
        assert rig.process is not None
        assert rig.process.returncode is None
    promised_s = 3 * (0.2 + 0.5)
    bound("H13", "a hostile plug-in is replaced", promised_s + SLACK_S, took_s, "s")
