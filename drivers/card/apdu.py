"""Commands and files of ISO/IEC 7816-4 on one card channel: bounded, and nothing is tried again.

Source: ISO/IEC 7816-4:2013 (SELECT, READ BINARY, GET RESPONSE, status words).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from drivers.api import CardChannel
from drivers.card import tlv
from drivers.errors import CardUnreadable, DeviceRefused

SUCCESS: Final = 0x9000
END_OF_FILE: Final = 0x6282
CHUNK_BYTES: Final = 248  # some readers send nothing beyond 255 bytes, status and framing included
MAX_FILE_BYTES: Final = 8192  # the memory of the card
MAX_GET_RESPONSES: Final = 33  # 8192 bytes in pieces of 256, and the last status
MAX_OFFSET: Final = 0x7FFF  # above it, bit 8 of P1 means something else


class CardAnswer(DeviceRefused):
    """The card refused a command; `status` is its status word."""

    def __init__(self, device: str, command: str, status: int) -> None:
        super().__init__(device, f"{status:04X}", command)
        self.status = status


@dataclass(frozen=True, slots=True)
class Response:
    """Data and status word of one command."""

    data: bytes = field(repr=False)
    status: int


class ApduChannel:
    """Commands to one card or module, inside `CardSession.run`.

    Sizes in answers are the card's claims: every one is checked before it is used.
    """

    def __init__(self, channel: CardChannel) -> None:
        self._transmit = channel.transmit
        self._device = channel.device

    def send(self, apdu: bytes) -> Response:
        """Exchange one command; follow 61xx by GET RESPONSE and 6Cxx once by the right length.

        Raises:
            CardLost: the card left; the session is over.
            CardUnreadable: the card goes on answering without end.
            DeviceTimeout: the deadline of the reading passed.
        """
        answer = self._transmit(apdu)
        status = answer[-2] << 8 | answer[-1]
        if status >> 8 == 0x6C and _ends_in_expected_length(apdu):
            answer = self._transmit(apdu[:-1] + answer[-1:])
            status = answer[-2] << 8 | answer[-1]
        data = answer[:-2]
        for _ in range(MAX_GET_RESPONSES):
            if status >> 8 != 0x61:
                return Response(data, status)
            answer = self._transmit(bytes((0x00, 0xC0, 0x00, 0x00, status & 0xFF)))
            data, status = data + answer[:-2], answer[-2] << 8 | answer[-1]
        raise self.unreadable(f"more than {MAX_GET_RESPONSES} pieces of one answer")

    def select_file(self, identifier: int) -> None:
        """Select a file or directory by its identifier, as public KTP-el clients do (no Le).

        Raises:
            CardAnswer: the card has no such file (6A82) or does not give it.
        """
        apdu = bytes((0x00, 0xA4, 0x00, 0x00, 0x02)) + identifier.to_bytes(2, "big")
        self._succeed(apdu, f"SELECT {identifier:04X}")

    def select_elementary_file(self, identifier: int) -> None:
        """Select a file below the application, without file control information (ICAO 9303-10)."""
        apdu = bytes((0x00, 0xA4, 0x02, 0x0C, 0x02)) + identifier.to_bytes(2, "big")
        self._succeed(apdu, f"SELECT {identifier:04X}")

    def select_application(self, application: bytes) -> None:
        """Select an application by its identifier (5 to 16 bytes)."""
        apdu = bytes((0x00, 0xA4, 0x04, 0x0C, len(application))) + application
        self._succeed(apdu, "SELECT application")

    def read_binary(self, offset: int, length: int, *, may_end: bool = False) -> bytes:
        """Read `length` (1 to 248) bytes of the selected file by one command.

        With `may_end`, less is accepted where the card says that the file ends there.

        Raises:
            CardAnswer: access refused (6982), no file selected (6986) and the like.
            CardUnreadable: more or fewer bytes than asked for.
        """
        if not 0 < length <= CHUNK_BYTES or not 0 <= offset <= MAX_OFFSET + 1 - length:
            raise ValueError(f"{length} bytes at {offset}")
        response = self.send(bytes((0x00, 0xB0, offset >> 8, offset & 0xFF, length)))
        data, status = response.data, response.status
        if status == SUCCESS and len(data) == length:
            return data
        if status not in (SUCCESS, END_OF_FILE):
            raise CardAnswer(self._device, f"READ BINARY at {offset}", status)
        ends = may_end and status == END_OF_FILE
        if len(data) > length or (len(data) < length and not ends):
            raise self.unreadable(f"{len(data)} bytes, asked for {length}")
        return data

    def read_range(self, offset: int, length: int) -> bytes:
        """Read `length` (1 to 8192) bytes of the selected file in chunks of up to 248."""
        if not 0 < length <= MAX_FILE_BYTES:
            raise self.unreadable(f"file of {length} bytes")
        data = b""
        while len(data) < length:
            size = min(CHUNK_BYTES, length - len(data))
            data += self.read_binary(offset + len(data), size)
        return data

    def read_file(self) -> bytes:
        """Read a selected file that begins with its length (2 bytes); return what follows.

        Raises:
            CardUnreadable: the length is not 1 to 8192 or the file ends before it.
        """
        length = int.from_bytes(self.read_binary(0, 2), "big")
        return self.read_range(2, length)

    def read_tlv_file(self, tag: int) -> bytes:
        """Read a selected file that is one data object with this tag; return its value.

        Raises:
            CardUnreadable: another tag, or a length that is not 1 to 8192.
        """
        head = self.read_binary(0, 6, may_end=True)
        try:
            header = tlv.read_header(head)
        except tlv.TlvError as error:
            raise self.unreadable(str(error)) from error
        if header.tag != tag:
            raise self.unreadable(f"file with tag {header.tag:X}, expected {tag:X}")
        return self.read_range(header.header_bytes, header.value_bytes)

    def unreadable(self, fact: str) -> CardUnreadable:
        """Return the error for an answer that breaks a rule; `fact` names sizes and codes only."""
        return CardUnreadable(self._device, fact)

    def _succeed(self, apdu: bytes, command: str) -> None:
        response = self.send(apdu)
        if response.status != SUCCESS:
            raise CardAnswer(self._device, command, response.status)


def _ends_in_expected_length(apdu: bytes) -> bool:
    """Say whether the last byte is Le: cases 2 and 4 of ISO/IEC 7816-3:2006 clause 12.1."""
    return len(apdu) == 5 or (len(apdu) > 5 and len(apdu) == 6 + apdu[4])
