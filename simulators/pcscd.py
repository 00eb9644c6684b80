"""A pcscd of our own beside that of the system: unprivileged, its own socket, vpcd readers.

The socket path of pcscd is compiled in, but under socket activation it takes file descriptor 3, and
libpcsclite honours PCSCLITE_CSOCK_NAME. libpcsclite reads that variable once a process: therefore
all daemons that one process starts, one after the other, use the same path, and the first one must
be made before the first PC/SC call. The vpcd driver itself listens on every address of the machine;
that is its own behaviour, and a reason never to install it on a station in production.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from drivers.card.pcsc import SOCKET_VARIABLE, is_library_installed
from drivers.worker import DaemonThread
from simulators.card_faults import CardFault
from simulators.injection import Injector

PCSCD: Final = Path("/usr/sbin/pcscd")
VPCD_DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
RUNTIME_FOLDER: Final = Path("/run/pcscd")
READY: Final = b"daemon ready"
START_PATIENCE_S: Final = 5.0
MAX_SOCKET_PATH: Final = 107

# Run by a new interpreter that becomes pcscd, because LISTEN_PID must be pcscd's own. pcscd
# needs no runtime folder under socket activation, yet it ends where there is none. The kernel ends
# it with the thread that started it, however that dies; a change of user would undo this, and the
# parent may be gone already.
_LAUNCHER: Final = """
import ctypes, os, pwd, signal, socket, sys
path, runtime, parent, command = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind(path)
listener.listen(16)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
if os.geteuid() == 0:
    os.makedirs(runtime, mode=0o755, exist_ok=True)
    nobody = pwd.getpwnam("nobody")
    os.chown(path, nobody.pw_uid, nobody.pw_gid)
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
PR_SET_PDEATHSIG = 1
if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
    raise OSError(ctypes.get_errno(), "prctl")
if os.getppid() != parent:
    sys.exit("the parent is gone")
environment = dict(os.environ, LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execve(command[0], command, environment)
"""


def available() -> str | None:
    """Return None when a private pcscd can run here, else what is missing."""
    if not PCSCD.exists():
        return "pcscd is not installed"
    if os.geteuid() != 0 and not RUNTIME_FOLDER.is_dir():
        return f"{RUNTIME_FOLDER} does not exist and only the superuser can make it"
    if not VPCD_DRIVER.exists():
        return "the virtual reader driver (vsmartcard-vpcd) is not installed"
    if not is_library_installed():
        return "libpcsclite is not installed"
    if importlib.util.find_spec("smartcard") is None:
        return "pyscard is not installed"
    return None


class PrivatePcscd:
    """A pcscd with one vpcd reader a name; at most one at a time in a process.

    A reader NAME has two slots, "NAME 00 00" and "NAME 00 01", on ports `slot_port(NAME, 0)` and
    `slot_port(NAME, 1)`.

    Raises:
        RuntimeError: the daemon did not start; the text is its log.
    """

    def __init__(self, reader_names: Sequence[str]) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: DaemonThread | None = DaemonThread("sim-pcscd-keeper")
        self._folder = Path(tempfile.mkdtemp(prefix="pcsc-"))
        self._folder.chmod(0o711)  # `nobody` must reach the driver files
        self._log_path = self._folder / "pcscd.log"
        self._ports = {name: _free_port_pair() for name in reader_names}
        self._socket_path = _socket_path_of_process()
        self._configuration = _Readers.ALL
        for readers in _Readers:
            self._write_configuration(readers)
        self.start()

    @property
    def socket_path(self) -> Path:
        """Where clients reach this daemon; another process names it in PCSCLITE_CSOCK_NAME."""
        return self._socket_path

    def slot_port(self, reader_name: str, slot: int) -> int:
        """Return the port where the card of slot 0 or 1 connects."""
        return self._ports[reader_name] + slot

    def start(self) -> None:
        """Start the daemon (again); ports and socket path stay the same."""
        if self._keeper is not None:
            # the kernel ends the daemon with the thread that started it: one that stays must do it
            self._keeper.submit(self._start).result()

    def kill(self) -> None:
        """End the daemon as a crash would; `start` brings it back."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(START_PATIENCE_S)
            self._socket_path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the daemon and remove its files; idempotent."""
        self.kill()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fail_with(self, faults: Injector[CardFault]) -> Callable[[], None]:
        """Let the faults of one reader act on the daemon and all its readers; return the remover.

        Readers of a configuration file come and go only with a daemon started anew; what a driver
        sees of an unplugged reader is therefore an end of the service first.
        """
        return faults.subscribe(lambda fault, active: self._fault_changed(faults, fault, active))

    def log(self) -> str:
        """Return what the daemon wrote: an independent witness of every APDU (test cards only)."""
        return self._log_path.read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fault_changed(self, faults: Injector[CardFault], fault: CardFault, active: bool) -> None:
        if fault is CardFault.SERVICE_RESTARTED and active:
            self.kill()
            self.start()
            faults.strikes(fault)
        elif fault is CardFault.SERVICE_KILLED:
            self.kill() if active else self.start()
        elif fault in _READERS_OF:
            self._configuration = _READERS_OF[fault] if active else _Readers.ALL
            self.kill()
            self.start()

    def _start(self) -> None:
        self._socket_path.unlink(missing_ok=True)
        command = [str(PCSCD), "--foreground", "--apdu", "--info"]
        command += ["--config", str(self._folder / self._configuration)]
        if _knows_polkit():
            command.append("--disable-polkit")
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
        settings = [str(self._socket_path), str(RUNTIME_FOLDER), str(os.getpid())]
        with open(self._log_path, "ab", opener=_private) as log:
            begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and constants
                [*launcher, *settings, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_PATIENCE_S
        while READY not in self._log_path.read_bytes()[begin:]:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"pcscd did not start: {self.log()}")
            time.sleep(0.005)

    def _write_configuration(self, readers: _Readers) -> None:
        configuration = self._folder / readers
        configuration.mkdir()
        blocks = []
        for name, port in self._ports.items() if readers is not _Readers.NONE else ():
            # vpcd keeps its sockets in a table by slot alone: two readers on one driver file would
            # share their cards, so every reader loads a copy of its own
            driver = self._folder / f"libifdvpcd-{port}.so"
            if not driver.exists():
                shutil.copyfile(VPCD_DRIVER, driver)
            shown = name if readers is _Readers.ALL else f"OTHER {name}"
            blocks.append(
                f'FRIENDLYNAME "{shown}"\nDEVICENAME /dev/null:{port}\n'
                f"LIBPATH {driver}\nCHANNELID {port}\n"
            )
        (configuration / "readers.conf").write_text("\n".join(blocks))


class _Readers(StrEnum):
    """Which readers the daemon knows; the value is the folder of that configuration."""

    ALL = "conf"
    NONE = "conf-none"
    RENAMED = "conf-renamed"


_READERS_OF: Final[Mapping[CardFault, _Readers]] = MappingProxyType(
    {CardFault.UNPLUGGED: _Readers.NONE, CardFault.RENAMED: _Readers.RENAMED}
)


def _private(path: str, flags: int) -> int:
    """Open a file that its owner alone may read: the log shows every APDU."""
    return os.open(path, flags, 0o600)


@cache
def _socket_path_of_process() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="pcscd-"))
    folder.chmod(0o711)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "pcscd.comm"
    if len(str(path)) > MAX_SOCKET_PATH:
        raise RuntimeError("the temporary folder has too long a name for a socket")
    os.environ[SOCKET_VARIABLE] = str(path)
    return path


@cache
def _knows_polkit() -> bool:
    usage = subprocess.run(  # noqa: S603 - a constant path
        [PCSCD, "--help"], capture_output=True, text=True, check=False
    )
    return "--disable-polkit" in usage.stdout  # pcsc-lite 2.x; 1.9.9 refuses the option


def _free_port_pair() -> int:
    """Return a port P with P + 1 free too; vpcd cannot choose one by itself."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port
