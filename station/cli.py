"""The command line `rekam`. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from station.config import StationConfig

DEFAULT_CONFIG = Path("/etc/rekam/station.toml")

app = typer.Typer(
    help="Recording station for KTP-el identity enrolment.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

devices_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(devices_app, name="devices")
card_app = typer.Typer(help="Cards and their readers.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(card_app, name="card")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration; otherwise $REKAM_CONFIG or /etc/rekam."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Subject(StrEnum):
    """What `rekam assess` can judge."""

    FINGER = "finger"
    SLAP = "slap"
    FACE = "face"
    IRIS = "iris"


class Language(StrEnum):
    """The languages of the screens."""

    INDONESIAN = "id"
    ENGLISH = "en"


class WholeSlap(StrEnum):
    """Which slap a picture shows."""

    RIGHT = "right_four"
    LEFT = "left_four"
    THUMBS = "thumbs"


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Without a screen.")] = False,
    residents: Annotated[int, typer.Option(min=1, max=10_000, help="How many, headless.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated world.")] = 7,
    as_json: JsonOption = False,
    data: Annotated[Path | None, typer.Option(help="Folder of the simulated desk.")] = None,
    lab: Annotated[
        Path | None, typer.Option(help="station.toml of a simulated desk that runs already.")
    ] = None,
    fingers: Annotated[
        Path | None, typer.Option(help="Folder of finger pictures to be served by the scanner.")
    ] = None,
    language: Annotated[
        Language, typer.Option(help="Language of the screens.")
    ] = Language.INDONESIAN,
) -> None:
    """Record simulated residents: every wire, protocol and file is the real one."""
    from station.commands import demo as demonstration

    folder = data or demonstration.demo_folder()
    with _reported(), demonstration.simulated_config(lab, folder, seed, fingers) as config:
        if headless:
            from station.compose import build_station

            _log_to_file(config)
            status = demonstration.run_headless(config, build_station, residents, as_json)
        else:
            status = _open_desk(config, language.value)
        raise typer.Exit(status)


@app.command()
def run(
    config: ConfigOption = None,
    language: Annotated[
        Language | None, typer.Option(help="Language of the screens; otherwise as configured.")
    ] = None,
) -> None:
    """Open the recording desk on the configured devices."""
    with _reported():
        loaded = _load(config)
        chosen = loaded.station.language if language is None else language.value
        raise typer.Exit(_open_desk(loaded, chosen))


@app.command()
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check this machine, its disk, the configuration, the keys and every device."""
    from station.commands import doctor as checks

    with _reported():
        raise typer.Exit(checks.run(_find(config), as_json))


@devices_app.callback()
def devices(
    context: typer.Context, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Connect every configured device and show who answered."""
    if context.invoked_subcommand is not None:
        return
    from station.commands import doctor as checks

    with _reported():
        raise typer.Exit(checks.list_devices(_load(config), as_json))


@devices_app.command()
def watch(
    context: typer.Context,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    language: Annotated[
        Language | None, typer.Option(help="Language of the words; otherwise as configured.")
    ] = None,
) -> None:
    """Tell, line by line, what becomes of the devices; ends with Ctrl+C and a summary."""
    from station.commands import watch as watching

    group = context.parent.params if context.parent is not None else {}
    with _reported():
        loaded = _load(config or group.get("config"))
        chosen = loaded.station.language if language is None else language.value
        raise typer.Exit(watching.run(loaded, chosen, as_json or bool(group.get("as_json"))))


@devices_app.command()
def record(
    context: typer.Context,
    role: Annotated[str, typer.Argument(help="A device on a serial line, such as verifier.")],
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    finger: Annotated[
        bool, typer.Option("--finger/--no-finger", help="Capture a finger as well.")
    ] = True,
    config: ConfigOption = None,
) -> None:
    """Write a serial line down, byte for byte, to be replayed as a test.

    Biometric data are masked unless the desk is a simulated one.
    """
    from station.commands import record_line

    group = context.parent.params if context.parent is not None else {}
    with _reported():
        loaded = _load(config or group.get("config"))
        raise typer.Exit(record_line.run(loaded, role, file, with_finger=finger))


@card_app.command("info")
def card_info(
    reader: Annotated[
        str, typer.Option(help="Beginning of a reader's name; otherwise as configured, or all.")
    ] = "",
    service_socket: Annotated[
        str, typer.Option(help="Socket of a pcscd of one's own; otherwise that of the machine.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    language: Annotated[
        Language | None, typer.Option(help="Language of the texts; otherwise as configured.")
    ] = None,
) -> None:
    """Show the card readers and what the card on each says to everybody.

    Exit 0 when a card was read, 1 when none was or something failed.
    """
    from station.commands import card as cards

    with _reported():
        found = _find(config)
        status = cards.run(
            _load(found) if found is not None else None,
            reader=reader,
            service_socket=service_socket,
            as_json=as_json,
            language=language.value if language is not None else None,
        )
        raise typer.Exit(status)


@app.command("system-files")
def system_files(
    folder: Annotated[
        Path, typer.Argument(help="Where to lay them out: / on the desk, another folder to look.")
    ],
) -> None:
    """Write udev rules, the unit of the desk and its user, as they belong below /."""
    from station.commands import system_files as files

    with _reported():
        raise typer.Exit(files.run(folder))


@app.command()
def assess(
    subject: Annotated[Subject, typer.Argument(help="What the pictures show.")],
    images: Annotated[list[Path], typer.Argument(help="PNG, PGM, JPEG, JPEG 2000, WSQ ...")],
    slap: Annotated[WholeSlap, typer.Option(help="Which slap.")] = WholeSlap.RIGHT,
    finger: Annotated[int, typer.Option(min=1, max=10, help="Finger code, for its threshold.")] = 2,
    ppi: Annotated[float, typer.Option(min=300, max=1100, help="Pixels per inch.")] = 500.0,
    as_json: JsonOption = False,
) -> None:
    """Judge pictures as the desk does; exit 1 when one is not acceptable, 2 when one is missing."""
    from station.commands import assess as assessing

    with _reported():
        status = assessing.run(subject.value, images, slap.value, finger, ppi, as_json=as_json)
        raise typer.Exit(status)


@app.command()
def verify(
    record: Annotated[Path, typer.Argument(help="A sealed record, ID.cms.")],
    ca: Annotated[
        Path | None, typer.Option("--ca", help="PEM of the authority that issued the station.")
    ] = None,
    recipient: Annotated[
        Path | None, typer.Option(help="PEM certificate, to open the record as well.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM private key of the recipient.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a sealed record: who sealed it, whether it is whole; with a key also what is inside.

    Exit 0 when it is intact, 1 when a check failed, 2 when it cannot be judged.
    """
    from station.commands import verify as verifying

    with _reported():
        raise typer.Exit(verifying.run(record, ca, recipient, key, as_json=as_json))


def _open_desk(config: StationConfig, language: str) -> int:
    from station.desk.environment import prepare

    prepare()
    from station.commands.demo import SeatedResidents
    from station.commands.terminal import screen_of_its_own
    from station.compose import build_station
    from station.logs import LOG_FOLDER

    residents = SeatedResidents(config)
    _log_to_file(config)
    station = build_station(config)
    unsubscribe = station.subscribe(residents.seen)
    try:
        with screen_of_its_own(config.station.data / LOG_FOLDER):
            # not before: the library keeps the terminal that it finds when it is imported
            from station.desk.app import DeskApp

            desk = DeskApp(station, language=language, on_next_resident=residents.next)
            return desk.run(mouse=False) or 0
    finally:
        unsubscribe()


def _log_to_file(config: StationConfig) -> None:
    from station import logs

    logs.configure(config.station.data, config.sha256)


def _find(config: Path | None) -> Path | None:
    if config is not None:
        return config
    if named := os.environ.get("REKAM_CONFIG"):
        return Path(named)
    return DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None


def _load(config: Path | None) -> StationConfig:
    from station import config as configuration
    from station.errors import ConfigError

    found = _find(config)
    if found is None:
        raise ConfigError(f"no configuration: give --config or make {DEFAULT_CONFIG}")
    return configuration.load(found)


def _reported() -> Reported:
    from station.commands.reporting import Reported

    return Reported()


def main() -> None:
    """Entry point of the command `rekam`."""
    from drivers.camera.environment import prepare_environment
    from station.commands.reporting import surviving_output

    prepare_environment()
    surviving_output(app)


if TYPE_CHECKING:
    from station.commands.reporting import Reported

if __name__ == "__main__":
    main()
