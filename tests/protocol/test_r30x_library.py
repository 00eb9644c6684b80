"""Operations above single commands, with a module whose matcher really compares fingers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from drivers.api import Finger, Image, State
from drivers.device import Call
from drivers.errors import DeviceRefused, DeviceTimeout, ProtocolError
from drivers.serial.commands import Confirmation
from drivers.serial.errors import ForeignTemplate, LibraryMismatch
from drivers.serial.library import FingerLibrary, ModuleTemplate, Prompt
from drivers.serial.module import Buffer, PageMatch, R30xCommands
from drivers.serial.packet import Packet
from drivers.serial.r30x import R30xScanner
from drivers.serial.settings import R30xSettings
from simulators.people.person import Person
from simulators.scene import Scene
from simulators.serial_faults import SerialFault
from simulators.serial_module import R30xModule

INDEX, THUMB = Finger.RIGHT_INDEX, Finger.RIGHT_THUMB


@cache
def pictures(finger: Finger) -> tuple[Image, ...]:
    """Six takes of one finger, on white glass, as the sensor sees them."""
    scene = Scene(Person(7002))
    scene.place(finger)
    taken = [scene.single_finger() for _ in range(6)]
    return tuple(picture for picture in taken if picture is not None)


class Sensor:
    """Fingers in the order of `script`, one a picture; each is lifted once before the next."""

    def __init__(self) -> None:
        self.script: list[Finger | None] = []
        self._looks = 0

    def single_finger(self, width: int = 256, height: int = 288) -> Image | None:
        self._looks += 1
        finger = self.script.pop(0) if self.script else None
        return None if finger is None else pictures(finger)[self._looks % 6]


def takes(*fingers: Finger) -> list[Finger | None]:
    script: list[Finger | None] = []
    for finger in fingers:
        script += [finger, None]
    return script


class Desk:
    def __init__(self, module: R30xModule, sensor: Sensor) -> None:
        self.module = module
        self.sensor = sensor
        self.device = R30xScanner("desk", R30xSettings(port=module.path))
        self.prompts: list[Prompt] = []
        self.library = FingerLibrary(self.device, self.prompts.append)

    async def enrol(self, page: int, finger: Finger) -> ModuleTemplate:
        self.sensor.script = takes(finger, finger)
        template = await self.library.enrol(page)
        assert template is not None
        return template


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    sensor = Sensor()
    with R30xModule(sensor, link=tmp_path / "ttyFINGER") as module:
        yield Desk(module, sensor)


async def test_two_takes_make_a_page_and_a_copy(desk: Desk) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        assert len(template.data) == 512
        assert (template.model, template.firmware) == ("R30x", "0009")
        assert "data" not in repr(template)
        assert await desk.library.pages() == (3,)
        assert await desk.library.template(3) == template
        assert desk.prompts == [Prompt.PLACE, Prompt.REMOVE, Prompt.PLACE_AGAIN]


async def test_the_finger_must_be_lifted_between_the_takes(desk: Desk) -> None:
    async with desk.device:
        desk.sensor.script = [INDEX] * 200
        with pytest.raises(DeviceTimeout):
            await desk.library.enrol(3, timeout=0.8)
        assert desk.prompts == [Prompt.PLACE, Prompt.REMOVE]
        assert desk.module.model.library == {}
        assert desk.device.state is State.READY


async def test_two_different_fingers_are_no_enrolment(desk: Desk) -> None:
    async with desk.device:
        desk.sensor.script = takes(INDEX, THUMB) * 3
        assert await desk.library.enrol(3) is None
        assert desk.prompts.count(Prompt.START_AGAIN) == 3
        assert desk.module.model.library == {}


async def test_after_different_fingers_the_same_one_is_enrolled(desk: Desk) -> None:
    async with desk.device:
        desk.sensor.script = takes(INDEX, THUMB, THUMB, THUMB)
        assert await desk.library.enrol(3) is not None


async def test_a_poor_picture_is_asked_for_again(desk: Desk) -> None:
    desk.module.faults.inject(SerialFault.FEW_FEATURES)
    desk.sensor.script = takes(INDEX, INDEX)

    def prompted(prompt: Prompt) -> None:
        desk.prompts.append(prompt)
        if prompt is Prompt.PLACE_BETTER:
            desk.module.faults.clear()
            desk.sensor.script = takes(INDEX, INDEX)

    async with desk.device:
        assert await FingerLibrary(desk.device, prompted).enrol(3) is not None
    assert Prompt.PLACE_BETTER in desk.prompts


@pytest.mark.parametrize(("finger", "same"), [(INDEX, True), (THUMB, False)])
async def test_a_finger_is_compared_with_a_page(desk: Desk, finger: Finger, same: bool) -> None:
    async with desk.device:
        await desk.enrol(3, INDEX)
        desk.sensor.script = takes(finger)
        verdict = await desk.library.verify(3)
        assert verdict.same is same
        assert (verdict.score >= 60) is same


@pytest.mark.parametrize(("finger", "same"), [(INDEX, True), (THUMB, False)])
async def test_a_finger_is_compared_with_our_template(
    desk: Desk, finger: Finger, same: bool
) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        await desk.library.clear()
        desk.sensor.script = takes(finger)
        assert (await desk.library.verify(template)).same is same
        assert desk.module.model.library == {}


async def test_a_finger_is_found_among_several(desk: Desk) -> None:
    async with desk.device:
        await desk.enrol(3, INDEX)
        await desk.enrol(150, THUMB)
        for finger, page in ((THUMB, 150), (INDEX, 3)):
            desk.sensor.script = takes(finger)
            found = await desk.library.identify()
            assert found is not None
            assert found.page == page
        desk.sensor.script = takes(Finger.LEFT_INDEX)
        assert await desk.library.identify() is None


async def test_another_finger_on_the_sensor_is_no_match(desk: Desk) -> None:
    async with desk.device:
        await desk.enrol(3, INDEX)
        desk.module.faults.inject(SerialFault.WRONG_FINGER)
        desk.sensor.script = takes(INDEX, INDEX)
        assert not (await desk.library.verify(3)).same
        assert await desk.library.identify() is None


async def test_an_empty_page_is_a_refusal(desk: Desk) -> None:
    async with desk.device:
        desk.sensor.script = takes(INDEX)
        with pytest.raises(DeviceRefused, match="page 7 is empty"):
            await desk.library.verify(7)
        with pytest.raises(DeviceRefused, match="page 7 is empty"):
            await desk.library.template(7)
        with pytest.raises(DeviceRefused, match="page out of range"):
            await desk.library.template(200)


async def test_a_template_goes_into_a_page_and_out_again(desk: Desk) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        await desk.library.store(199, template)
        assert await desk.library.pages() == (3, 199)
        assert await desk.library.template(199) == template
        await desk.library.store(199, template)  # writing over a page adds none
        await desk.library.remove(3)
        await desk.library.remove(3)
        assert await desk.library.pages() == (199,)


@pytest.mark.parametrize("packet_bytes", [32, 64, 128, 256])
async def test_templates_cross_the_line_in_packets_of_any_size(
    desk: Desk, packet_bytes: int
) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        await desk.device.run(lambda commands, call: commands.set_packet_bytes(packet_bytes, call))
        await desk.library.store(4, template)
        assert await desk.library.template(4) == template


async def test_a_page_that_stays_is_noticed(desk: Desk) -> None:
    async with desk.device:
        await desk.enrol(3, INDEX)
        desk.module.faults.inject(SerialFault.KEPT_PAGE)
        with pytest.raises(LibraryMismatch, match="1 pages, expected 0"):
            await desk.library.remove(3)
        with pytest.raises(LibraryMismatch):
            await desk.library.clear()
        assert desk.device.state is State.READY


async def test_templates_of_another_model_are_refused(desk: Desk) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        for foreign in (
            ModuleTemplate(template.data, "R503", template.firmware),
            ModuleTemplate(template.data, template.model, "0012"),
        ):
            with pytest.raises(ForeignTemplate, match="made by"):
                await desk.library.verify(foreign)
            with pytest.raises(ForeignTemplate):
                await desk.library.store(4, foreign)


async def test_templates_of_another_size_are_read_and_refused(desk: Desk) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        desk.module.faults.inject(SerialFault.OTHER_TEMPLATE_SIZE)
        assert len((await desk.library.template(3)).data) == 768
        with pytest.raises(ForeignTemplate, match="512 bytes became 768"):
            await desk.library.verify(template)


async def test_a_template_that_arrives_damaged_is_sent_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk.device:
        template = await desk.enrol(3, INDEX)
        model = desk.module.model
        replies = desk.module._protocol.instructions.replies
        upload = replies[0x08]
        damaged = [True]

        def up_char(arguments: bytes) -> Iterator[Packet]:
            if damaged:
                damaged.pop()
                model.buffers[1] = template.data[::-1]
            return upload(arguments)

        monkeypatch.setitem(replies, 0x08, up_char)
        await desk.library.store(4, template)
        assert model.library[4] == template.data
        damaged += [True, True]
        with pytest.raises(ProtocolError, match="damaged on its way, twice"):
            await desk.library.store(5, template)
        assert 5 not in model.library


async def test_a_picture_of_ours_is_matched_by_the_module(desk: Desk) -> None:
    async with desk.device:
        await desk.enrol(3, INDEX)
        picture = pictures(INDEX)[4]

        def find(commands: R30xCommands, call: Call) -> PageMatch | None:
            commands.download_image(picture, call)
            assert commands.extract(Buffer.FIRST, call) is Confirmation.OK
            return commands.search(Buffer.FIRST, 0, 200, call)

        found = await desk.device.run(find)
        assert found is not None
        assert found.page == 3
