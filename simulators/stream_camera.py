"""A face camera and an iris camera as streams: the wire that the real drivers open.

`/face.mjpg` is the colour picture of the scene as MJPEG; `/iris.y4m` both eyes side by side and
`/eye.y4m` a single one, grey without losses, where the scene has eyes. With `rtsp` the colour
picture is at `rtsp_url` too. Controls and faults go over a side channel on another port. A driver
cannot tell that it talks to a simulator.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Final, Protocol, Self

from drivers.values import Image
from simulators.camera_controls import CameraControls
from simulators.camera_eyes import EyeFilm, EyeScene
from simulators.camera_faults import CAMERA_FAULTS, CameraFault
from simulators.camera_feed import Feed
from simulators.camera_http import CUTS, Stream, StreamServer, mjpeg, y4m
from simulators.camera_rtsp import RtspServer
from simulators.camera_side_channel import SideChannel
from simulators.camera_strangers import Visitors
from simulators.injection import Injector

JPEG_QUALITY: Final = 90
REPLUG_S: Final = 0.5
"""A cable that is pulled out and plugged in again is out for so long."""


class FaceScene(Protocol):
    """What stands before the camera."""

    def face_frame(self, index: int) -> Image:
        """Return picture `index` (0, 1, ...), (height, width, 3) uint8 blue-green-red."""
        ...


class StreamCamera:
    """The camera: a thread a stream encodes each picture once for all viewers, while there are any.

    `eyes` gives picture `index` of both eyes, (height, width) uint8, where the scene has none of
    its own. `faults` are injectable at any moment; "unplug" pulls the cable until it is cleared.
    """

    def __init__(
        self,
        scene: FaceScene,
        fps: float = 25.0,
        *,
        eyes: Callable[[int], Image] | None = None,
        rtsp: bool = False,
        seed: int = 0,
    ) -> None:
        if not 0 < fps <= 240:
            raise ValueError(f"{fps} frames per second")
        self.faults: Injector[CameraFault] = Injector(CAMERA_FAULTS, seed=seed)
        self._controls = CameraControls()
        self._film = EyeFilm(scene) if eyes is None and isinstance(scene, EyeScene) else None
        self._visitors = visitors = Visitors(self.faults)
        self._face = self._feed("face", visitors.face(scene.face_frame), _jpeg, fps)
        self._streams: dict[str, Stream] = {"/face.mjpg": mjpeg(self._face)}
        shoot = self._film.frame if self._film is not None else eyes
        self._iris: Feed | None = None
        if shoot is not None:
            both = visitors.eyes(shoot)
            self._iris = self._feed("iris", both, _grey, fps)
            one = self._feed("eye", lambda index: self._one_eye(both(index)), _grey, fps)
            self._streams |= {"/iris.y4m": y4m(self._iris, fps), "/eye.y4m": y4m(one, fps)}
        self._rtsp = RtspServer(self._face, self.faults) if rtsp else None
        self._side = SideChannel(self)
        self._replugging: threading.Timer | None = None
        self._plugging = threading.RLock()
        self._server: StreamServer | None = None
        self._threads: list[threading.Thread] = []
        # bound and never listening: keeps the port ours while the camera is unplugged
        self._reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self._port = int(self._reserved.getsockname()[1])
        self._forget_faults = self.faults.subscribe(self._struck)

    def _feed(
        self, name: str, shoot: Callable[[int], Image], encode: Callable[[Image], bytes], fps: float
    ) -> Feed:
        return Feed(name, shoot, encode, lambda: self._controls, self.faults, fps)

    @property
    def url(self) -> str:
        """Address of the colour stream; like all, the same after a restart."""
        return f"http://127.0.0.1:{self._port}/face.mjpg"

    @property
    def iris_url(self) -> str:
        """Address of the grey stream of both eyes."""
        return f"http://127.0.0.1:{self._port}/iris.y4m"

    @property
    def eye_url(self) -> str:
        """Address of the grey stream of the eye that the control `eye` names."""
        return f"http://127.0.0.1:{self._port}/eye.y4m"

    @property
    def rtsp_url(self) -> str:
        """Address of the colour stream over RTSP.

        Raises:
            LookupError: the camera was made without RTSP.
        """
        if self._rtsp is None:
            raise LookupError("this camera speaks no RTSP")
        return self._rtsp.url

    @property
    def control_url(self) -> str:
        """Address of the side channel."""
        return self._side.url

    @property
    def controls(self) -> CameraControls:
        """The controls now."""
        return self._controls

    def set_controls(self, **changes: object) -> CameraControls:
        """Change some controls, as a PUT on the side channel does; raises `ValueError`."""
        self._controls = self._controls.changed(changes)
        return self._controls

    @property
    def frames_encoded(self) -> int:
        """How many colour pictures were sent since the camera was made."""
        return self._face.number

    @property
    def viewers(self) -> int:
        """How many colour streams are being sent."""
        return self._face.viewers

    def recent_jpegs(self) -> tuple[bytes, ...]:
        """Return the last 32 colour pictures as they were sent, oldest first."""
        return self._face.recent()

    def recent_eyes(self) -> tuple[bytes, ...]:
        """Return the last 32 pictures of both eyes as they were sent, row by row, oldest first."""
        return self._iris.recent() if self._iris is not None else ()

    def start(self) -> None:
        """Listen on 127.0.0.1; idempotent, works after `stop`.

        Raises:
            RuntimeError: the camera was closed for good.
        """
        with self._plugging:
            if self._server is not None:
                return
            if self._reserved.fileno() < 0:
                raise RuntimeError("this camera was closed")
            server = self._server = StreamServer(self._streams, self.faults, self._port)
            serving = threading.Thread(
                target=server.serve_forever, args=(0.02,), name="camera-serve"
            )
            serving.start()
            self._threads = [serving, *(s.feed.start() for s in self._streams.values())]
            if self._rtsp is not None:
                self._rtsp.start()

    def stop(self) -> None:
        """Pull the cable: end all connections and threads; idempotent."""
        with self._plugging:
            server, self._server = self._server, None
            if server is None:
                return
            for stream in self._streams.values():
                stream.feed.stop()
            if self._rtsp is not None:
                self._rtsp.stop()
            server.shutdown()
            server.hang_up()
            server.server_close()
            for thread in self._threads:
                thread.join()

    def close(self) -> None:
        """Stop, and give the ports back."""
        self._forget_faults()
        if self._replugging is not None:
            self._replugging.cancel()
            self._replugging.join()
        self.stop()
        self._side.close()
        if self._rtsp is not None:
            self._rtsp.close()
        if self._film is not None:
            self._film.close()
        self._reserved.close()

    def __enter__(self) -> Self:
        self._side.start()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _struck(self, fault: CameraFault, active: bool) -> None:
        match fault:
            case CameraFault.UNPLUG:
                (self.stop if active else self.start)()
            case CameraFault.REPLUG if self.faults.strikes(CameraFault.REPLUG):
                self.stop()
                self._plug_in_later()
            case CameraFault.NOBODY | CameraFault.WRONG_PERSON if active:
                self._visitors.prepare(fault)
            case _:
                self._tell_streams(cut=active and fault in CUTS)

    def _plug_in_later(self) -> None:
        if self._replugging is not None:
            self._replugging.cancel()
        self._replugging = threading.Timer(REPLUG_S, self.start)
        self._replugging.start()

    def _tell_streams(self, *, cut: bool) -> None:
        with self._plugging:
            for stream in self._streams.values():
                stream.feed.nudge()
            if cut and self._server is not None:
                self._server.cut()
            if cut and self._rtsp is not None:
                self._rtsp.cut()

    def _one_eye(self, picture: Image) -> Image:
        middle = picture.shape[1] // 2
        return picture[:, :middle] if self._controls.eye == "right" else picture[:, middle:]


def _jpeg(image: Image) -> bytes:
    import cv2

    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ValueError("the picture cannot be encoded")
    return jpeg.tobytes()


def _grey(image: Image) -> bytes:
    return image.tobytes()
