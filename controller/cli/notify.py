"""`ampilot notify`: try the channels, and tell that the service is down."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.terminal import DEFAULT_CONFIG, Config, err, escaped, out

if TYPE_CHECKING:
    from controller.delivery.channels import Channel
    from controller.events import Event

commands = typer.Typer()


@commands.command()
def notify(
    config: Config = DEFAULT_CONFIG,
    test: Annotated[bool, typer.Option("--test", help="send a test message to each channel")] = False,
    failed: Annotated[str | None, typer.Option(help="tell each channel that this service is down")] = None,
) -> None:
    """Show who is told what went wrong, or send each a message. Exit code 1 if one cannot be reached."""
    from controller.delivery.channels import open_channels
    from controller.events import Event
    from controller.load_settings import load_notify

    channels, sources, missing = open_channels(load_notify(config))
    for text in missing:
        err.print(f"[bold red]ampilot:[/] {escaped(text)}")
    if not channels and not missing:
        out.print("Nobody is told: the config has no \\[\\[notify...]] table. The log has everything.")
        return
    if failed is not None:
        event = Event("failed", "error", f"{failed} has failed and is not restarted")
    elif test:
        event = Event("test", "info", "this is a test of the notifications")
    else:
        for channel in channels:
            out.print(f"{channel.name}: from {channel.min_severity} on")
        raise typer.Exit(1 if missing else 0)
    secrets = [secret for source in sources for secret in source.seen]
    good = asyncio.run(_send_all(channels, event, secrets))
    raise typer.Exit(0 if good and not missing else 1)


async def _send_all(channels: "list[Channel]", event: "Event", secrets: list[str]) -> bool:
    from controller.delivery.announcer import deliver
    from controller.delivery.wording import severity_of, worded

    when = datetime.now().astimezone().strftime("%H:%M")
    message = worded(event, severity_of(event), offered="", when=when)
    answers = await asyncio.gather(*(deliver(channel, message, secrets) for channel in channels))
    for channel, why in zip(channels, (why and escaped(why) for why in answers), strict=True):
        await channel.close()
        out.print(
            f"[green]ok[/]    {channel.name}" if why is None else f"[red]wrong[/] {channel.name}: {why}"
        )
    return all(why is None for why in answers)
