"""`rekam-sim control`: let the devices of a running simulated desk fail, and work again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulators.control_client import DeskControl

app = typer.Typer(
    help="Let the devices of a running simulated desk fail, and work again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

UrlOption = Annotated[
    str | None, typer.Option(help="Control address of the desk; otherwise that of its folder.")
]
FolderOption = Annotated[Path | None, typer.Option(help="Folder of the desk, with station.toml.")]
RoleArgument = Annotated[str, typer.Argument(help="scanner, iris, face, verifier or card.")]


@app.command("list")
def list_faults(
    role: Annotated[str | None, typer.Argument(help="Only this role.")] = None,
    url: UrlOption = None,
    folder: FolderOption = None,
) -> None:
    """Print every fault of every role and what happens; active ones are marked."""
    with _desk(url, folder) as desk:
        roles = desk.faults()
        if role is not None and role not in roles:
            _refuse(f"{role!r} is not one of: {', '.join(roles)}")
        for name, faults in roles.items():
            if role is not None and name != role:
                continue
            typer.echo(name)
            for fault, happens in faults.known.items():
                mark = "*" if fault in faults.active else " "
                typer.echo(f" {mark} {fault:<24} {happens}")


@app.command()
def active(url: UrlOption = None, folder: FolderOption = None) -> None:
    """Print the faults that are active now, one line a role that has any."""
    with _desk(url, folder) as desk:
        failing = {role: faults.active for role, faults in desk.faults().items() if faults.active}
    for role, faults in failing.items():
        _show(role, faults)
    if not failing:
        typer.echo("no fault is active: every device is well")


@app.command()
def inject(
    role: RoleArgument,
    fault: Annotated[str, typer.Argument(help="A name that `list` shows.")],
    url: UrlOption = None,
    folder: FolderOption = None,
) -> None:
    """Make a fault active."""
    with _desk(url, folder) as desk:
        _show(role, desk.inject(role, fault))


@app.command()
def clear(
    role: RoleArgument,
    fault: Annotated[str | None, typer.Argument(help="Only this one; otherwise all.")] = None,
    url: UrlOption = None,
    folder: FolderOption = None,
) -> None:
    """End a fault of a role, or all of them."""
    with _desk(url, folder) as desk:
        _show(role, desk.clear(role, fault))


@app.command()
def unplug(role: RoleArgument, url: UrlOption = None, folder: FolderOption = None) -> None:
    """Pull the plug of a device."""
    with _desk(url, folder) as desk:
        _show(role, desk.unplug(role))


@app.command()
def plug(role: RoleArgument, url: UrlOption = None, folder: FolderOption = None) -> None:
    """Plug a device in again."""
    with _desk(url, folder) as desk:
        _show(role, desk.plug(role))


@app.command()
def seat(
    resident: Annotated[int, typer.Argument(min=1, help="Number of the resident.")],
    url: UrlOption = None,
    folder: FolderOption = None,
) -> None:
    """Let a resident of the simulated world sit down."""
    with _desk(url, folder) as desk:
        desk.seat(resident)
        typer.echo(f"resident {resident} is seated")


@contextmanager
def _desk(url: str | None, folder: Path | None) -> Iterator[DeskControl]:
    from platformdirs import user_state_path

    from simulators.control_client import ControlFailed, DeskControl

    try:
        if url is not None:
            yield DeskControl(url)
        else:
            yield DeskControl.of_folder(folder or user_state_path("rekam") / "lab")
    except ControlFailed as error:
        _refuse(str(error), error)


def _show(role: str, faults: tuple[str, ...]) -> None:
    typer.echo(f"{role}: {', '.join(faults) or 'well'}")


def _refuse(reason: str, cause: Exception | None = None) -> None:
    typer.echo(f"rekam-sim: {reason}", err=True)
    raise typer.Exit(2) from cause
