"""Two roads to one box: the local one is preferred while it answers, the cloud takes over, and back again."""

from controller.clock import Clock
from controller.errors import ChargerError
from controller.model import Charger, ChargerStatus, Settings, WriteOutcome

RETURN_S = 60.0
"""How long the preferred road is left alone after it failed (chosen)."""


class FailoverCharger:
    """Reads over the preferred transport, else over the other; writes over the one that read last.

    A write goes over exactly one road: whether it arrived when the answer is lost, only a read can tell.
    """

    def __init__(self, preferred: Charger, other: Charger, *, clock: Clock) -> None:
        self._preferred, self._other, self._clock = preferred, other, clock
        self._avoid_until_s = 0.0
        self._road = preferred

    async def read(self) -> ChargerStatus:
        """Read over the best road. Raises the other road's ChargerError if both fail."""
        if self._clock.monotonic() >= self._avoid_until_s:
            try:
                status = await self._preferred.read()
            except ChargerError:
                self._avoid_until_s = self._clock.monotonic() + RETURN_S
            else:
                self._road = self._preferred
                return status
        try:
            status = await self._other.read()
        except ChargerError:
            self._avoid_until_s = 0.0
            raise
        self._road = self._other
        return status

    async def write(self, settings: Settings) -> WriteOutcome:
        """Send one request over the road that works."""
        return await self._road.write(settings)

    async def close(self) -> None:
        """Release both roads."""
        await self._preferred.close()
        await self._other.close()
