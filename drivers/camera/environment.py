"""OpenCV's environment variables, in one place because they must be set before `import cv2`."""

from __future__ import annotations

import os
from typing import Final

ENVIRONMENT: Final = {
    # version 5 prints a warning per network; a line on stderr tears the operator's screen
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    # a broken or hostile header must not claim gigabytes; 8192 x 8192, default 2**30
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**26),
    # nobuffer: otherwise the first frame of a network stream is one frame old; fpsprobesize:
    # otherwise an RTSP stream is read for 0.7 s before it counts as open; the transport: RTSP over
    # UDP loses packets without a word
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "fflags;nobuffer|fpsprobesize;0|rtsp_transport;tcp",
    # a dead V4L2 camera would block grab() for 10 s; seconds and attempts
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "1",
    "OPENCV_VIDEOIO_V4L_READ_ATTEMPTS": "1",
}
"""Names and values; log level and pixel limit work only when set before the first import of cv2."""


def prepare_environment() -> None:
    """Set what OpenCV reads from the environment; a value that is already there wins.

    Idempotent and cheap. A program calls it before anything imports cv2; the driver calls it again
    before it opens a camera, because FFmpeg's options are read at each opening.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
