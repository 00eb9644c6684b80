from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.serial.commands import describe
from drivers.serial.packet import DamagedPacket, Packet, PacketDecoder, PacketKind
from drivers.serial.parameters import ModuleParameters
from drivers.serial.picture import IMAGE_BYTES, pack_image, unpack_image

KIND = PacketKind
DATASHEET = [
    (KIND.COMMAND, "13 00000000", "EF01FFFFFFFF 01 0007 13 00000000 001B"),
    (KIND.COMMAND, "0F", "EF01FFFFFFFF 01 0003 0F 0013"),
    (KIND.COMMAND, "01", "EF01FFFFFFFF 01 0003 01 0005"),
    (KIND.COMMAND, "0A", "EF01FFFFFFFF 01 0003 0A 000E"),
    (KIND.COMMAND, "02 01", "EF01FFFFFFFF 01 0004 02 01 0008"),
    (KIND.COMMAND, "05", "EF01FFFFFFFF 01 0003 05 0009"),
    (KIND.COMMAND, "06 01 0000", "EF01FFFFFFFF 01 0006 06 01 0000 000E"),
    (KIND.COMMAND, "04 01 0000 00C8", "EF01FFFFFFFF 01 0008 04 01 0000 00C8 00D6"),
    (KIND.COMMAND, "1D", "EF01FFFFFFFF 01 0003 1D 0021"),
    (KIND.COMMAND, "0D", "EF01FFFFFFFF 01 0003 0D 0011"),
    (KIND.COMMAND, "0E 04 0C", "EF01FFFFFFFF 01 0005 0E 04 0C 0024"),
    (KIND.ACKNOWLEDGE, "00", "EF01FFFFFFFF 07 0003 00 000A"),
    (KIND.ACKNOWLEDGE, "02", "EF01FFFFFFFF 07 0003 02 000C"),
    (KIND.ACKNOWLEDGE, "01", "EF01FFFFFFFF 07 0003 01 000B"),
    (KIND.ACKNOWLEDGE, "00 00B4", "EF01FFFFFFFF 07 0005 00 00B4 00C0"),
    (
        KIND.ACKNOWLEDGE,
        "00 0000 0009 00C8 0003 FFFFFFFF 0002 0006",
        "EF01FFFFFFFF 07 0013 00 0000 0009 00C8 0003 FFFFFFFF 0002 0006 04F2",
    ),
]

packets = st.builds(
    Packet,
    st.sampled_from(PacketKind),
    st.binary(min_size=1, max_size=256),
    st.integers(0, 0xFFFFFFFF),
)


def decode_all(decoder: PacketDecoder) -> list[Packet | None]:
    """Take until nothing is left; a damaged packet shows as None."""
    found: list[Packet | None] = []
    while True:
        try:
            packet = decoder.take()
        except DamagedPacket:
            found.append(None)
            continue
        if packet is None:
            return found
        found.append(packet)


@pytest.mark.parametrize(("kind", "payload", "wire"), DATASHEET)
def test_packets_are_those_of_the_datasheet(kind: PacketKind, payload: str, wire: str) -> None:
    packet = Packet(kind, bytes.fromhex(payload))
    assert packet.encode() == bytes.fromhex(wire)
    decoder = PacketDecoder()
    decoder.feed(bytes.fromhex(wire))
    assert decoder.take() == packet
    assert decoder.take() is None


@pytest.mark.parametrize("size", [0, 257])
def test_payload_of_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} bytes"):
        Packet(PacketKind.DATA, bytes(size)).encode()


def test_a_print_of_a_packet_shows_no_pixels() -> None:
    assert "payload" not in repr(Packet(PacketKind.DATA, b"pixels"))


@given(st.lists(packets, max_size=4), st.data())
def test_packets_survive_any_cut(sent: list[Packet], data: st.DataObject) -> None:
    wire = b"".join(packet.encode() for packet in sent)
    decoder = PacketDecoder()
    found: list[Packet | None] = []
    while wire:
        count = data.draw(st.integers(1, len(wire)))
        decoder.feed(wire[:count])
        wire = wire[count:]
        found += decode_all(decoder)
    assert found == sent


@given(st.binary(max_size=40).map(lambda noise: noise.replace(b"\xef\x01", b"\xef")), packets)
def test_a_packet_is_found_behind_garbage(noise: bytes, packet: Packet) -> None:
    decoder = PacketDecoder()
    decoder.feed(noise.replace(b"\xef\x01", b"") + packet.encode())
    assert decode_all(decoder) == [packet]


@pytest.mark.parametrize("noise", ["55", "EF", "EF01", "EFEF", "EF0155", "00EF55EF01"])
def test_strays_that_look_like_a_start_are_skipped(noise: str) -> None:
    packet = Packet(PacketKind.ACKNOWLEDGE, b"\x00")
    decoder = PacketDecoder()
    decoder.feed(bytes.fromhex(noise) + packet.encode())
    assert decode_all(decoder) == [packet]


@pytest.mark.parametrize("length", ["0000", "0002", "0103", "FFFF"])
def test_an_impossible_length_is_not_waited_for(length: str) -> None:
    packet = Packet(PacketKind.ACKNOWLEDGE, b"\x02")
    decoder = PacketDecoder()
    decoder.feed(bytes.fromhex("EF01FFFFFFFF07" + length) + packet.encode())
    assert decode_all(decoder) == [packet]


@given(packets, st.data())
def test_a_changed_byte_never_passes(packet: Packet, data: st.DataObject) -> None:
    wire = bytearray(packet.encode())
    # the address is outside the checksum, the length decides how much is awaited
    index = data.draw(st.sampled_from([6, *range(9, len(wire))]))
    wire[index] ^= data.draw(st.integers(1, 255))
    decoder = PacketDecoder()
    decoder.feed(bytes(wire))
    assert packet not in decode_all(decoder)


def test_the_decoder_goes_on_behind_a_damaged_packet() -> None:
    good = Packet(PacketKind.DATA, b"\x12\x34")
    bad = bytearray(good.encode())
    bad[-1] ^= 0xFF
    decoder = PacketDecoder()
    decoder.feed(bytes(bad) + good.encode())
    assert decode_all(decoder) == [None, good]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.sampled_from([b"\xef\x01", b"\xef\x01\xff\xff\xff\xff\x07\x00\x03"]),
        ),
        max_size=20,
    )
)
def test_garbage_never_raises_and_never_piles_up(pieces: list[bytes]) -> None:
    decoder = PacketDecoder()
    for piece in pieces:
        decoder.feed(piece)
        decode_all(decoder)
    assert len(decoder._buffer) <= 266


def test_the_high_nibble_is_the_left_pixel() -> None:
    packed = bytearray(IMAGE_BYTES)
    packed[0] = 0x1F
    packed[128] = 0xA0  # 128 bytes a row
    image = unpack_image(bytes(packed))
    assert image.shape == (288, 256)
    assert image.dtype == np.uint8
    assert image[0, :3].tolist() == [17, 255, 0]
    assert image[1, :2].tolist() == [170, 0]
    assert not image.flags.writeable


def test_the_upper_four_bits_survive_the_wire() -> None:
    image = np.random.default_rng(7).integers(0, 256, (288, 256), dtype=np.uint8)
    assert np.array_equal(unpack_image(pack_image(image)), (image >> 4) * 17)


@pytest.mark.parametrize("size", [0, IMAGE_BYTES - 1, IMAGE_BYTES + 1])
def test_an_image_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="36864"):
        unpack_image(bytes(size))


def test_parameters_are_those_of_the_datasheet() -> None:
    data = bytes.fromhex("0008 0009 00C8 0003 FFFFFFFF 0002 0006")
    assert ModuleParameters.decode(data) == ModuleParameters(
        status=8,
        system_id=9,
        capacity=200,
        security_level=3,
        address=0xFFFFFFFF,
        packet_bytes=128,
        baud=57600,
    )


@given(st.binary(max_size=20))
def test_parameters_are_read_or_refused(data: bytes) -> None:
    try:
        parameters = ModuleParameters.decode(data)
    except ValueError:
        return
    assert len(data) == 16
    assert parameters.packet_bytes in (32, 64, 128, 256)
    assert 9600 <= parameters.baud <= 115200


@pytest.mark.parametrize("tail", ["0004 0006", "0002 0000", "0002 000D"])
def test_impossible_parameters_are_refused(tail: str) -> None:
    with pytest.raises(ValueError, match="multiple"):
        ModuleParameters.decode(bytes.fromhex("0000 0009 00C8 0003 FFFFFFFF" + tail))


def test_codes_are_described_for_the_technician() -> None:
    assert describe(0x13) == "13 wrong password"
    assert describe(0x99) == "99 unknown code"
