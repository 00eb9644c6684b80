"""What only a serial module can do wrong, beside what all devices can (`drivers.errors`)."""

from __future__ import annotations

from drivers.errors import DeviceError, DeviceRefused, Retryable


class StaleImage(Retryable):
    """The module delivered the very picture that it had delivered before: it did not look again."""

    code = "DEV-241"


class WrongPixelOrder(DeviceError):
    """The picture of a module holds the two pixels of each byte in the wrong order."""

    code = "DEV-242"


class ModuleLocked(DeviceRefused):
    """The module has a password or an address that the configuration does not know."""

    code = "DEV-243"


class ModuleBusy(Retryable):
    """The module says that it is executing a command although nobody gave it one."""

    code = "DEV-244"


class ForeignTemplate(DeviceError):
    """A template was made by another model or firmware than the module that is connected."""

    code = "DEV-245"


class LibraryMismatch(DeviceError):
    """The module's library holds other pages than it must after what was stored or deleted."""

    code = "DEV-246"
