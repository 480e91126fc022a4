"""A house on real sockets and the real process beside it, with short timings from its config file."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from controller.simulation.house import Weather
from controller.simulation.serve import HouseOptions, ServedHouse
from controller.units import DAY_S

TOKEN = "canary-4c1d77"
SPEED = 10.0

CONFIG = """
[grid]
profile = "eastron-sdm630"
host = "127.0.0.1"
port = {modbus}
min_gap_s = 0.0
timeout_s = 0.2
[charger]
serial = "000001"
{charger}
token_file = "{token}"
base_url = "http://127.0.0.1:{http}"
timeout_s = 0.5
[strategy]
name = "{strategy}"
{options}
[prices]
start_ct = 0.04
phase_change_ct = 0.04
write_ct = 0.005
[site]
fuse_a = 35.0
check_response = {check}
[timing]
meter_poll_s = 0.1
charger_poll_s = 0.2
charger_idle_poll_s = 0.3
decide_s = 0.2
meter_fresh_s = 1.0
meter_stale_s = 2.0
charger_fresh_s = 4.0
charger_stale_s = 8.0
verify_after_s = 1.0
response_s = 3.0
[gate]
min_on_s = 0.5
min_off_s = 0.5
phase_change_min_s = 2.0
phase_dead_s = 1.0
phase_give_up_s = 8.0
writes_per_15_min = 100
write_gap_s = 0.2
[ledger]
path = "{ledger}"
"""


class Rig:
    """The house lives in the test's event loop, ten times as fast; the controller is a subprocess."""

    def __init__(
        self,
        folder: Path,
        *,
        strategy: str = "surplus",
        strategy_options: str = "",
        sun_w: float = 7000.0,
        real_timings: bool = False,
        car: str = "ideal",
        check_response: bool = False,
        charger: str = "",
    ) -> None:
        # Powers of a second are a tenth of one in here: meter and charger are too far apart to be judged
        # by default. With the product's own timings it is always on.
        self.check = str(check_response or real_timings).lower()
        options = HouseOptions(
            modbus_port=0, http_port=0, profile="eastron-sdm630", token=TOKEN, start_s=0.0, car=car
        )
        self.served = ServedHouse(options)
        house = self.served.house
        house.weather = Weather([sun_w] * DAY_S, ([300.0] * DAY_S, [200.0] * DAY_S, [100.0] * DAY_S))
        house.arrives_s, house.leaves_s = 5, DAY_S - 1
        self.folder, self.strategy, self.real_timings = folder, strategy, real_timings
        self.options = f"[strategy.options]\n{strategy_options}" if strategy_options else ""
        self.charger = charger
        self.ledger = folder / "ledger.db"
        self.process: asyncio.subprocess.Process | None = None
        self.output = b""
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def box(self):
        return self.served.house.box

    @property
    def power_w(self) -> float:
        return sum(self.box.phase_power_w)

    async def __aenter__(self) -> "Rig":
        await self.served.start()
        self._tasks.append(asyncio.create_task(self._live()))
        token = self.folder / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        self.config = self.folder / "ampilot.toml"
        config = CONFIG
        if self.real_timings:
            before, rest = CONFIG.split("[timing]")
            config = before + "[ledger]" + rest.split("[ledger]")[1]
        self.config.write_text(
            config.format(
                modbus=self.served.meter.port,
                http=self.served.cloud.port,
                token=token,
                ledger=self.ledger,
                strategy=self.strategy,
                options=self.options,
                charger=self.charger,
                check=self.check,
            )
        )
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(signal.SIGTERM)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.served.stop()
        assert TOKEN.encode() not in self.output
        assert not any(TOKEN in request.query for request in self.served.cloud.requests)

    async def start(self) -> None:
        """Start the controller."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "controller",
            "run",
            "--config",
            str(self.config),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._tasks.append(asyncio.create_task(self._read(self.process)))

    async def stop(self, how: signal.Signals) -> int:
        """End the controller by its own id and return its exit code."""
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(how)
        code = await asyncio.wait_for(self.process.wait(), 15)
        self.process = None
        return code

    async def until(self, condition: Callable[[], bool], seconds: float, what: str) -> float:
        """Wait for something and return how long it took in s; fail after `seconds`."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if condition():
                return time.monotonic() - began
            await asyncio.sleep(0.02)
        raise AssertionError(f"not within {seconds} s: {what}\n{self.output.decode()[-2000:]}")

    async def charging(self) -> None:
        """Wait until the car draws."""
        await self.until(lambda: self.power_w > 1000 and self.box.frc == 2, 20, "the car charges")

    async def settled(self) -> None:
        """Wait until the controller has found its set-point: no write for 2 s."""
        count, since = len(self.writes()), time.monotonic()

        def quiet() -> bool:
            nonlocal count, since
            if len(self.writes()) != count:
                count, since = len(self.writes()), time.monotonic()
            return time.monotonic() - since > 2.0

        await self.until(quiet, 20, "no write for 2 s")

    def writes(self) -> list[dict[str, str]]:
        """Return the parameters of every write the cloud saw."""
        return [request.params for request in self.served.cloud.writes]

    def rows(self, sql: str) -> list[tuple]:
        """Return rows of the ledger."""
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    async def _live(self) -> None:
        began, origin = time.monotonic(), self.served.house.now_s
        while True:
            await asyncio.sleep(0.02)
            self.served.advance(origin + (time.monotonic() - began) * SPEED)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self.output += line


def raised(writes: list[dict[str, str]], before_a: int) -> list[dict[str, str]]:
    """Return the writes that start or raise."""
    return [
        write
        for write in writes
        if write.get("frc") == "2" or write.get("psm") == "2" or int(write.get("amp", 0)) > before_a
    ]
