"""`ampilot house`: the simulated house alone, on real sockets, for any program that speaks Modbus or go-e."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.errors import ConfigError
from controller.meters.profile import load_profile
from controller.simulation.box import Box
from controller.simulation.cloud import GoeServer
from controller.simulation.house import House, generated, recorded
from controller.simulation.modbus_meter import ModbusMeterServer
from controller.units import DAY_S

STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class HouseOptions:
    """What to simulate. `speed` is simulated seconds per real one, `start_s` the second of the day."""

    modbus_port: int = 5020
    http_port: int = 8080
    local_port: int | None = None
    trace: Path | None = None
    speed: float = 1.0
    seed: int = 1
    sky: str = "broken"
    profile: str = "shelly-pro3em"
    car: str = "ideal"
    serial: str = "000001"
    token: str = "simulated-token"  # noqa: S105 - of a simulated charger
    host: str = "127.0.0.1"
    start_s: float = 7 * 3600.0


class ServedHouse:
    """A house with its meter and its cloud listening; `now_s` is simulated time."""

    def __init__(self, options: HouseOptions) -> None:
        self.options = options
        weather = recorded(options.trace) if options.trace else generated(options.seed, options.sky)
        self.house = House(
            weather, Box(serial=options.serial, seed=options.seed), seed=options.seed, car=options.car
        )
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.meter = ModbusMeterServer(
            load_profile(options.profile),
            self.house.quantities,
            host=options.host,
            port=options.modbus_port,
        )
        self.cloud = GoeServer(
            self.house.box,
            options.token,
            now_s=self.now_s,
            epoch=today,
            host=options.host,
            port=options.http_port,
        )
        self.local: GoeServer | None = None
        if options.local_port is not None:
            self.local = GoeServer(
                self.house.box,
                options.token,
                now_s=self.now_s,
                epoch=today,
                host=options.host,
                port=options.local_port,
                local=True,
            )

    def now_s(self) -> float:
        """Return simulated seconds since midnight of the first day."""
        return self.house.now_s

    def advance(self, to_s: float) -> None:
        """Let the simulated house live until then."""
        while self.house.now_s + 1.0 <= to_s + 1e-6:
            self.house.advance(self.house.now_s + 1.0)
            self.cloud.deliver()

    async def start(self) -> None:
        """Listen on all ports."""
        for server in (self.meter, self.cloud, self.local):
            if server is not None:
                await server.start()

    async def stop(self) -> None:
        """Close all ports."""
        for server in (self.meter, self.cloud, self.local):
            if server is not None:
                await server.stop()


def _clock(second: float) -> str:
    return f"{int(second) % DAY_S // 3600:02d}:{int(second) % 3600 // 60:02d}"


async def serve_house(options: HouseOptions, say: Callable[[str], None]) -> None:
    """Serve until cancelled. Raises ConfigError where a port is taken."""
    served = ServedHouse(options)
    served.advance(options.start_s)
    try:
        await served.start()
    except OSError as error:
        raise ConfigError(f"a port cannot be opened: {error.strerror}. Remedy: choose other ports") from None
    profile = load_profile(options.profile)
    host = options.host
    say(f"meter    Modbus TCP {host}:{served.meter.port}, unit {profile.unit_id}, profile {profile.id}")
    say(f"charger  {served.cloud.url}, serial {options.serial}, token {options.token}")
    if served.local is not None:
        say(f"local    {served.local.url}")
    curl = (
        f'curl -H "Authorization: Bearer {options.token}" "{served.cloud.url}/api/status?filter=amp,car,nrg"'
    )
    say(f"try      {curl}")
    house = served.house
    say(
        f"car      comes at {_clock(house.arrives_s)}, leaves at {_clock(house.leaves_s)}; in the house "
        f"it is {_clock(house.now_s)}; --speed 60: a minute a second"
    )
    begun_s, origin_s = time.monotonic(), served.house.now_s
    try:
        while True:
            await asyncio.sleep(STEP_S)
            served.advance(origin_s + (time.monotonic() - begun_s) * options.speed)
    finally:
        await served.stop()
