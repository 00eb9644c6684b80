"""Finding the speed at which a module talks, when the port is opened and after a change.

The speed is kept in the module's flash. A module that somebody set to another one looks dead at the
configured one, so that the usual speeds are tried before it is given up.
"""

from __future__ import annotations

from typing import Final

from drivers.device import Call
from drivers.errors import ConnectFailed, DeviceTimeout, Disconnected, ProtocolError
from drivers.serial.module import R30xCommands

PROBED_BAUDS: Final = (57600, 115200, 9600, 19200, 38400)
"""In the order of how often modules are found with them."""

POWER_UP_S: Final = 0.3
"""A module is deaf so long after power comes on: the first question may be lost, the second not."""
PROBE_S: Final = 0.25
SETTLING_S: Final = 0.1
"""After confirming a change of speed the module needs so long to make it."""


def candidates(expected: int) -> tuple[int, ...]:
    """Return the speeds in the order of trying; `expected` 0 means that none is known."""
    first = (expected,) if expected else ()
    return first + tuple(baud for baud in PROBED_BAUDS if baud != expected)


def detect_baud(commands: R30xCommands, expected: int, call: Call) -> int:
    """Set our end to the speed of the module and return it.

    A module that runs at the expected speed answers the first question, within milliseconds. The
    first speed is asked twice, because the module may just have been switched on, and once more at
    the end, because it may have been switched on meanwhile.

    Raises:
        ConnectFailed: no module answered at any speed.
        ModuleLocked: it answered, and wants a password.
    """
    bauds = candidates(expected)
    for attempt, baud in enumerate((bauds[0], *bauds, bauds[0])):
        within = POWER_UP_S if baud == bauds[0] else PROBE_S
        if _answers(commands, baud, call, within):
            if attempt:
                commands.link.distrust()  # this may have been the answer to an earlier question
            return baud
    tried = ", ".join(map(str, bauds))
    raise ConnectFailed(commands.link.device, f"no R30x module at {tried} baud")


def change_baud(commands: R30xCommands, baud: int, call: Call) -> int:
    """Change the speed of both ends; return the one that the module then really has.

    Raises:
        ValueError: a speed that the module does not know.
        ConnectFailed: the module is not found at any speed afterwards.
    """
    commands.set_baud(baud, call)
    call.sleep(SETTLING_S)
    return detect_baud(commands, baud, call)


def _answers(commands: R30xCommands, baud: int, call: Call, within: float) -> bool:
    link = commands.link
    link.set_baud(baud)
    link.forget()  # what came in at another speed is no packet, and waiting for it costs time
    try:
        commands.verify_password(call, deadline=within)
    except (DeviceTimeout, ProtocolError):
        call.check()
        return False
    except Disconnected as error:
        raise ConnectFailed(link.device, f"no R30x module: {error.detail}") from error
    return True
