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

    ended = _until_signalled()
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
        _refuse(_reason(error), error)
    except (FingerFileError, LabBusy, RuntimeError) as error:
        _refuse(str(error), error)


@app.command()
def scanner(
    seed: Annotated[int, typer.Option(min=0, help="Whose fingers come, and where faults.")] = 7,
    baud: Annotated[int, typer.Option(help="Speed of the module, in bit/s.")] = 57600,
    paced: Annotated[
        bool, typer.Option("--paced", help="Take the time of the line, as a real module does.")
    ] = False,
    link: Annotated[Path | None, typer.Option(help="A path of its own for the port.")] = None,
) -> None:
    """Start one R30x finger module by itself and print its port."""
    from drivers.serial.parameters import BAUD_UNIT, MAX_BAUD_MULTIPLE
    from simulators.serial_scanner import run

    speeds = [BAUD_UNIT * multiple for multiple in range(1, MAX_BAUD_MULTIPLE + 1)]
    if baud not in speeds:
        _refuse(f"--baud {baud} is not one of: {', '.join(map(str, speeds))}")
    try:
        run(link, seed, baud, paced, _until_signalled(), typer.echo)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # whoever read along is gone, which is no fault
        _refuse(_reason(error), error)


@app.command()
def camera(
    seed: Annotated[int, typer.Option(min=0, help="Who sits before the camera.")] = 7,
) -> None:
    """Start one camera by itself and print the addresses of its streams."""
    from simulators.people.person import Person
    from simulators.scene import Scene
    from simulators.stream_camera import StreamCamera

    ended = _until_signalled()
    scene = Scene(Person(seed))
    scene.face_frame(0)  # takes long, the first time: no viewer should have to wait for it
    with StreamCamera(scene, rtsp=True) as one:
        typer.echo(f"face {one.url}\nface {one.rtsp_url}\niris {one.iris_url}\nready")
        ended.wait()


def _until_signalled() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _reason(error: OSError) -> str:
    named = "" if error.filename is None else f"{error.filename}: "
    return f"{named}{error.strerror or type(error).__name__}"


def _announce(desk: Lab) -> None:
    for remark in desk.remarks:
        typer.echo(f"# {remark}")
    typer.echo(f"# {desk.config}")
    typer.echo(desk.config.read_text())
    typer.echo("ready")


def _refuse(reason: str, error: Exception | None = None) -> NoReturn:
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
