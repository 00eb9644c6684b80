"""The ANSI/NIST record says what the captures are, and its validator notices when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.positions import Eye, Finger
from station.records.content import CaptureException, FingerImage, Missing, RecordContent
from station.records.errors import StructureInvalid
from station.records.image_header import image_size
from station.records.itl import build
from station.records.itl_check import ItlRecord, parse, validate

EXPECTED_TYPES = [1, 2, 10, 14, 14, 14, 14, 17, 17]


@pytest.fixture(scope="module")
def record(content: RecordContent) -> bytes:
    return build(content)


@pytest.fixture(scope="module")
def records(record: bytes) -> list[ItlRecord]:
    return parse(record)


def test_valid_content_makes_a_valid_record(record: bytes) -> None:
    assert validate(record) == []


def test_types_and_count_are_stated(records: list[ItlRecord]) -> None:
    assert [record.kind for record in records] == EXPECTED_TYPES
    counted = records[0].fields[3]
    assert counted[0] == ("1", "8")
    assert counted[1:] == tuple((str(r.kind), r.text(2)) for r in records[1:])


def test_head_names_the_transaction(records: list[ItlRecord], content: RecordContent) -> None:
    head = records[0]
    assert (head.text(2), head.text(4), head.text(5)) == ("0502", "ENROL", "20261123")
    assert (head.text(8), head.text(9)) == (content.station, content.record_id)
    assert head.text(14) == "20261123092000Z"
    assert records[1].text(4) == "SIMULATED"


def test_images_are_kept_byte_for_byte(records: list[ItlRecord], content: RecordContent) -> None:
    images = [record.image for record in records if record.image is not None]
    assert images == [image.image_bytes for image in content.images]


def test_finger_fields_follow_the_standard(records: list[ItlRecord]) -> None:
    slap, index = records[3], records[4]
    assert slap.text(13) == "13"
    assert slap.fields[18] == (("5", "XX"),)
    assert slap.fields[21] == (("2", "1", "50", "2", "140"),)
    assert (index.text(13), index.text(11), index.text(12)) == ("2", "JP2L", "8")
    assert (index.text(8), index.text(9), index.text(10)) == ("1", "500", "500")
    assert index.fields[24][0][:2] == ("2", "55")


def test_verification_finger_may_repeat_a_position(records: list[ItlRecord]) -> None:
    verification = records[6]
    assert (verification.text(13), verification.text(20)) == ("2", "VERIFICATION")
    assert verification.text(11) == "NONE"


def test_missing_eye_is_stated_without_an_image(records: list[ItlRecord]) -> None:
    assert (records[8].text(3), records[8].text(28), records[8].image) == ("2", "UC", None)


CODES = {
    Missing.AMPUTATED: "XX",
    Missing.BANDAGED: "UP",
    Missing.DAMAGED: "UP",
    Missing.NOT_CAPTURED: "UP",
}


@pytest.mark.parametrize("reason", list(Missing))
def test_missing_finger_outside_a_slap_has_a_record_without_an_image(
    content: RecordContent, reason: Missing
) -> None:
    left_out = (
        CaptureException(Finger.LEFT_THUMB, reason, "sup-1"),
        CaptureException(Finger.RIGHT_LITTLE, reason, "sup-1"),
    )
    data = build(dataclasses.replace(content, exceptions=left_out))
    assert validate(data) == []
    records = parse(data)
    (alone,) = (r for r in records if r.kind == 14 and r.image is None)
    assert set(alone.fields) == {1, 2, 4, 5, 13, 18}
    assert (alone.text(13), alone.fields[18]) == ("6", (("6", CODES[reason]),))
    assert records[3].fields[18] == (("5", CODES[reason]),)


@pytest.mark.parametrize("reason", list(Missing))
def test_missing_eye_has_its_code(content: RecordContent, reason: Missing) -> None:
    data = build(dataclasses.replace(content, exceptions=(CaptureException(Eye.LEFT, reason),)))
    assert validate(data) == []
    assert parse(data)[-1].text(28) == ("MA" if reason is Missing.AMPUTATED else "UC")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"14.018:6\x1fUP", b"14.018:7\x1fUP", "names another finger"),
        (b"14.018:6\x1fUP", b"14.018:6\x1fXY", "no pair of finger and code"),
        (b"14.018:6\x1fUP", b"14.018:6\x1eUP", "no pair of finger and code"),
        (b"14.018:6\x1fUP", b"14.018:6UPP", "names another finger"),
        (b"14.018:6\x1fUP", b"14.017:6\x1fUP", "field 14.999 is missing"),
        (b"14.013:6", b"14.012:6", "field 14.999 is missing"),
    ],
)
def test_wrong_record_of_a_missing_finger_is_named(
    content: RecordContent, old: bytes, new: bytes, expected: str
) -> None:
    missing = (CaptureException(Finger.LEFT_THUMB, Missing.BANDAGED),)
    data = build(dataclasses.replace(content, exceptions=missing))
    assert data.count(old) == 1
    problems = validate(data.replace(old, new))
    assert any(expected in problem for problem in problems), problems


def test_missing_finger_cannot_have_an_image(content: RecordContent) -> None:
    import nistitl

    message = nistitl.Message()
    message.parse(build(content))
    finger = message[4]
    finger += nistitl.Field(14, 18, [["2", "XX"]])
    problems = validate(message.NIST)
    assert "record 4, Type-14: the image shows a finger that 14.018 AMP states as missing" in (
        problems
    )
    assert "record 4, Type-14: field 14.003 describes an image that is not there" in problems


def test_finger_cannot_be_missing_and_recorded(content: RecordContent) -> None:
    missing = (CaptureException(Finger.LEFT_INDEX, Missing.BANDAGED),)
    problems = validate(build(dataclasses.replace(content, exceptions=missing)))
    assert problems == ["position 14-7 is there twice"]


def test_nothing_personal_is_inside(record: bytes, content: RecordContent) -> None:
    for value in content.biodata.values():
        assert value.encode() not in record


def test_repeated_position_is_noticed(content: RecordContent) -> None:
    fingers = tuple(dataclasses.replace(f, verification=False) for f in content.fingers)
    problems = validate(build(dataclasses.replace(content, fingers=fingers)))
    assert problems == ["position 14-2 is there twice"]


def test_size_that_the_image_contradicts_is_noticed(content: RecordContent) -> None:
    fingers = (content.fingers[0], dataclasses.replace(content.fingers[1], width=97))
    problems = validate(build(dataclasses.replace(content, fingers=fingers)))
    assert problems == ["record 4, Type-14: image of 96 x 120 pixels is stated as 97 x 120"]


def test_raw_image_of_a_wrong_length_is_noticed(content: RecordContent) -> None:
    fingers = (dataclasses.replace(content.fingers[3], image_bytes=b"short"),)
    problems = validate(build(dataclasses.replace(content, fingers=fingers)))
    assert problems == ["record 3, Type-14: raw image has not HLL x VLL bytes"]


def test_wrong_sampling_is_noticed(content: RecordContent) -> None:
    fingers = (dataclasses.replace(content.fingers[1], resolution_ppi=300),)
    problems = validate(build(dataclasses.replace(content, fingers=fingers)))
    assert "record 3, Type-14: 14.009 is outside 490 to 1010 ppi" in problems


def test_image_of_another_codec_is_noticed(content: RecordContent) -> None:
    fingers = (dataclasses.replace(content.fingers[1], codec="PNG"),)
    (problem,) = validate(build(dataclasses.replace(content, fingers=fingers)))
    assert "no readable PNG header" in problem


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"1.002:0502", b"1.002:0400", "1.002 VER"),
        (b"1.004:ENROL", b"1.004:OTHER", "1.004 TOT"),
        (b"14.013:13", b"14.013:99", "14.013 FGP"),
        (b"14.012:8", b"14.012:1", "14.012 BPX"),
        (b"14.008:1", b"14.008:2", "14.008 SLC"),
        (b"10.003:FACE", b"10.003:SCAR", "10.003 IMT"),
        (b"17.003:1", b"17.003:7", "17.003 ELR"),
        (b"10.006:48", b"10.006:\x20\x20", "10.006 and 10.007"),
        (b"1.003:1\x1f8", b"1.003:1\x1f7", "1.003 CNT"),
    ],
)
def test_single_wrong_field_is_named(record: bytes, old: bytes, new: bytes, expected: str) -> None:
    assert record.count(old) >= 1
    problems = validate(record.replace(old, new, 1))
    assert any(expected in problem for problem in problems), problems


def test_missing_mandatory_field_is_named(content: RecordContent) -> None:
    import nistitl

    message = nistitl.Message()
    message.parse(build(content))
    del message[3][5]
    problems = validate(message.NIST)
    assert problems == ["record 3, Type-14: field 14.005 is missing"]


def test_wrong_length_field_is_noticed(record: bytes) -> None:
    start = record.index(b"14.001:") + 7
    changed = (
        record[:start] + str(int(record[start : start + 4]) + 1).encode() + record[start + 4 :]
    )
    (problem,) = validate(changed)
    assert "LEN" in problem


@pytest.mark.parametrize("station", ["", "désa", "a\x1db", "a\nb"])
def test_code_that_could_break_a_field_is_refused(content: RecordContent, station: str) -> None:
    with pytest.raises(ValueError, match="ASCII"):
        build(dataclasses.replace(content, station=station))


@pytest.mark.parametrize("codec", ["JP2", "PNG", "JPEG"])
def test_size_is_read_from_the_header(encode: Callable[[str, int, int], bytes], codec: str) -> None:
    assert image_size(encode(codec, 40, 30), codec) == (40, 30)  # type: ignore[arg-type]


def test_size_of_a_wsq_image_is_read() -> None:
    import io

    import wsq  # noqa: F401
    from PIL import Image

    target = io.BytesIO()
    Image.new("L", (64, 80), 128).save(target, "WSQ")
    assert image_size(target.getvalue(), "WSQ") == (64, 80)


@given(st.binary(max_size=120), st.sampled_from(["JP2", "PNG", "WSQ", "JPEG"]))
def test_arbitrary_bytes_are_no_image(data: bytes, codec: str) -> None:
    prefix = {"JP2": b"\xff\x4f\xff\x51", "PNG": b"\x89PNG\r\n\x1a\n", "WSQ": b"\xff\xa0"}
    for candidate in (data, prefix.get(codec, b"\xff\xd8\xff") + data):
        try:
            width, height = image_size(candidate, codec)  # type: ignore[arg-type]
        except StructureInvalid:
            continue
        assert width >= 0
        assert height >= 0


def test_arbitrary_bytes_are_no_record() -> None:
    @given(st.binary(max_size=200))
    def check(data: bytes) -> None:
        with pytest.raises(StructureInvalid):
            parse(data)
        assert validate(data)

    check()


def test_changed_records_never_crash_the_validator(content: RecordContent) -> None:
    small = build(
        dataclasses.replace(
            content, face=None, irises=(), fingers=(_small(content),), exceptions=()
        )
    )

    @settings(max_examples=200)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        changed = bytearray(small)
        for _ in range(data.draw(st.integers(1, 4))):
            changed[data.draw(st.integers(0, len(small) - 1))] = data.draw(
                st.sampled_from([0, 0x1C, 0x1D, 0x1E, 0x1F, 0x30, 0x39, 0x3A, 0xFF])
            )
        cut = data.draw(st.integers(0, len(small)))
        for candidate in (bytes(changed), bytes(changed[:cut])):
            assert isinstance(validate(candidate), list)

    check()


def _small(content: RecordContent) -> FingerImage:
    return dataclasses.replace(
        content.fingers[3], position=Finger.RIGHT_INDEX, width=4, height=5, image_bytes=bytes(20)
    )
