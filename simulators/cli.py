"""The command line `rekam-sim`: a whole simulated desk, and its faults."""

from __future__ import annotations

import errno
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simulators import control_cli

if TYPE_CHECKING:
    from simulators.lab import Lab

app = typer.Typer(
    help="Simulated devices for rekam, each a real endpoint on its own wire.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(control_cli.app, name="control")


@app.callback()
def root() -> None:
    """Simulated devices for rekam."""


@app.command()
def lab(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated world.")] = 7,
    folder: Annotated[
        Path | None, typer.Option(help="Where station.toml, keys and data of the desk go.")
    ] = None,
    fingers: Annotated[
        Path | None, typer.Option(help="Serve the finger pictures of this folder instead.")
    ] = None,
    resident: Annotated[int, typer.Option(min=1, help="Who sits down first.")] = 1,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End with the program that started it.")
    ] = False,
) -> None:
    """Start a whole desk and print its configuration, a ready station.toml."""
    from platformdirs import user_state_path

    from simulators.lab import Lab, LabBusy
    from simulators.people.finger_files import FingerFileError

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    try:
        with Lab(folder or user_state_path("rekam") / "lab", seed, fingers) as desk:
            if not until_stdin_closes:
                desk.seat(resident)
            _announce(desk)
            if until_stdin_closes:
                threading.Thread(target=_watch_stdin, args=(ended,), daemon=True).start()
            ended.wait()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # whoever read along is gone, which is no fault
        named = "" if error.filename is None else f"{error.filename}: "
        _refuse(f"{named}{error.strerror or type(error).__name__}", error)
    except (FingerFileError, LabBusy, RuntimeError) as error:
        _refuse(str(error), error)


def _announce(desk: Lab) -> None:
    for remark in desk.remarks:
        typer.echo(f"# {remark}")
    typer.echo(f"# {desk.config}")
    typer.echo(desk.config.read_text())
    typer.echo("ready")


def _refuse(reason: str, error: Exception) -> NoReturn:
    typer.echo(f"rekam-sim: {reason}", err=True)
    raise typer.Exit(2) from error


def _watch_stdin(ended: threading.Event) -> None:
    while sys.stdin.read(4096):
        continue
    ended.set()


def main() -> None:
    """Entry point of the command `rekam-sim`."""
    from drivers.camera.environment import prepare_environment

    prepare_environment()
    app()


if __name__ == "__main__":
    main()
