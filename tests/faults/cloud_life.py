"""A life whose charger is reached as at home: the real client, over real TLS, at go-e's cloud on loopback.

The clock is simulated and the sockets are real: the seconds of a row are those of the default timings, but
what a request itself may take (`TIMEOUT_S`, 5 s by default) passes in real time.
"""

import ssl
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import trustme

from controller.chargers import CloudTransport
from controller.model import ChargerStatus, Settings, WriteOutcome
from controller.simulation.cloud import GoeServer
from tests.faults.life import BoxCharger, Keys, Life

TOKEN = "canary-token-7d0b"
SERIAL = "000001"
TIMEOUT_S = 1.0
HOST = "127.0.0.1"


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return what a server needs to show this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class CloudCharger(BoxCharger):
    """The real client in front of the served box; counts what it is asked for."""

    transport: CloudTransport
    server: GoeServer

    async def read(self) -> ChargerStatus:
        return await self.transport.read()

    async def write(self, settings: Settings) -> WriteOutcome:
        return await self.transport.write(settings)

    def deliver(self) -> None:
        self.server.deliver()

    async def close(self) -> None:
        await self.transport.close()


class CloudLife(Life):
    """A life with a cloud: `server` is what may fail, `sent` what reached it."""

    def __init__(self, folder: Path, **options: object) -> None:
        super().__init__(folder, **options)  # type: ignore[arg-type]
        self.authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_file))
        epoch = self.clock.wall() - timedelta(seconds=self.now_s)
        self.server_ = GoeServer(
            self.box,
            TOKEN,
            now_s=lambda: self.now_s,
            epoch=epoch,
            delay_s=2.0,
            tls=tls_of(self.authority.issue_cert(HOST)),
        )
        self.box.serial = SERIAL
        self.token = TOKEN

    def charger_of(self) -> CloudCharger:
        return CloudCharger(self.house.box, self.clock)

    @property
    def cloud(self) -> GoeServer:
        """Return the server of the cloud."""
        return self.server_

    @property
    def sent(self) -> list[tuple[float, Keys]]:
        return [
            (request.at_s, {key: int(value) for key, value in request.params.items()})
            for request in self.server_.writes
        ]

    def connect(self, base_url: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Use a new client from now on."""
        assert isinstance(self.charger, CloudCharger)
        self.charger.server = self.server_
        self.charger.transport = CloudTransport(
            SERIAL,
            lambda: self.token,
            clock=self.clock,
            base_url=base_url or self.server_.url,
            timeout_s=timeout_s,
            ca_file=str(self.ca_file),
        )

    async def __aenter__(self) -> "CloudLife":
        await self.server_.start()
        self.connect()
        await super().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.charger.close()
        await super().__aexit__(kind, error, trace)
        await self.server_.stop()
        # In every row: the token is in no address, in no event, in no other row of the ledger.
        assert not any(TOKEN in request.query for request in self.server_.requests)
        for path in self.folder.glob("ledger.db*"):
            assert TOKEN.encode() not in path.read_bytes()

    @property
    def quality(self) -> str:
        """Return how far the controller trusts the charger's data, as it says itself."""
        return "" if self.loop.last is None else self.loop.last[0].charger_quality.name

    @property
    def doing(self) -> str:
        """Return why the last decision did what it did."""
        assert self.loop.last is not None
        return self.loop.last[1].action.reason
