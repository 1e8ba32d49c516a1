"""Decoded frames as planes, with true presentation times, upright, and with broken frames marked.

Colour is never converted here: the luma plane is what everything looks at, and `align` converts the few pixels of a
crop. PyAV neither rotates nor complains about broken frames by itself.
"""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from jaxtyping import UInt8

from pretrain.footage.discover import sequence_images

SEQUENCE_FPS = 25.0
"""Frame rate assumed for folders of numbered images, which carry no times."""
MAX_PIXELS = 8192 * 8192
"""Larger pictures are refused: a header can claim any size."""

_DIRECT = {"yuv420p", "yuvj420p"}


class NoVideo(Exception):
    """The file can be read, but holds no video stream."""


class CorruptVideo(Exception):
    """The file is not a video that libav can read."""


@dataclass(frozen=True)
class Frame:
    """One decoded picture, upright."""

    index: int
    """Number of the frame in the decoded file."""
    time: float
    """Presentation time in seconds since the start of the stream."""
    corrupt: bool
    """The decoder says that parts are missing; the planes are not to be trusted."""
    luma: UInt8[np.ndarray, "h w"]
    blue: UInt8[np.ndarray, "ch cw"]
    """Blue-difference chroma at half the resolution."""
    red: UInt8[np.ndarray, "ch cw"]
    """Red-difference chroma at half the resolution."""
    full_range: bool
    """Luma runs over 0-255 instead of 16-235."""
    bt709: bool
    """Colour matrix of ITU-R BT.709 instead of BT.601."""


class VideoReader:
    """Iterates over the frames of a video file or image-sequence folder.

    After iteration `damaged_packets` counts the pieces that could not be decoded at all, and `missing_frames` how
    many frames fewer came than the file's index promises.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged_packets = 0
        self.missing_frames = 0
        self._packets = 0

    def __iter__(self) -> Iterator[Frame]:
        """Raises `OSError`, `NoVideo` or `CorruptVideo`, all of them before the first frame."""
        av.logging.set_level(None)
        if self.path.is_dir():
            return self._images()
        if not stat.S_ISREG(self.path.stat().st_mode):  # opening a pipe would wait for ever
            raise OSError(f"{self.path} is not a regular file")
        return self._video()

    def _video(self) -> Iterator[Frame]:
        with _open(self.path) as container:
            if not container.streams.video:
                raise NoVideo(str(self.path))
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1  # files are the unit of parallel work
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            clock = _Clock(stream)
            for index, frame in enumerate(self._decode(container, stream)):
                yield _to_frame(frame, index, clock(frame, index))
            self.missing_frames = max(0, stream.frames - self._packets)

    def _decode(self, container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (FFmpegError, EOFError):
                self.damaged_packets += 1
                return
            self._packets += packet.size > 0
            try:
                frames = packet.decode()
            except (FFmpegError, EOFError):
                self.damaged_packets += 1
                continue
            yield from frames

    def _images(self) -> Iterator[Frame]:
        images = sequence_images(self.path)
        if not images:
            raise OSError(f"{self.path} is a folder without numbered images")
        index = 0
        for number, image in enumerate(images):
            try:
                # An open file, not a name: libav takes some image names for patterns of many files.
                with image.open("rb") as file, av.open(file, "r", metadata_errors="replace") as container:
                    frame = next(container.decode(video=0))
            except (FFmpegError, EOFError, StopIteration, IndexError):
                self.damaged_packets += 1
                continue
            yield _to_frame(frame, index, number / SEQUENCE_FPS)
            index += 1


class _Clock:
    """Presentation times since the start of the stream, whatever the container leaves out."""

    def __init__(self, stream: av.VideoStream) -> None:
        self.step = float(1 / (stream.average_rate or SEQUENCE_FPS))
        base = stream.time_base
        self.start = float(stream.start_time * base) if stream.start_time is not None and base else None

    def __call__(self, frame: av.VideoFrame, index: int) -> float:
        if frame.time is None:
            return index * self.step
        if self.start is None:
            self.start = frame.time
        return frame.time - self.start


def _open(path: Path) -> InputContainer:
    try:
        # Only local files: some formats are lists of addresses.
        return av.open(str(path.absolute()), metadata_errors="replace", options={"protocol_whitelist": "file"})
    except FFmpegError as e:
        if isinstance(e, OSError) and not isinstance(e, InvalidDataError):
            raise OSError(f"{path}: {e.strerror}") from e
        raise CorruptVideo(str(path)) from e


def _to_frame(frame: av.VideoFrame, index: int, time: float) -> Frame:
    full = frame.format.name.startswith("yuvj") or int(frame.color_range) == 2
    bt709 = int(frame.colorspace) == 1
    corrupt = bool(frame.is_corrupt)
    turns = round(frame.rotation / 90) % 4
    if frame.format.name not in _DIRECT:
        frame = frame.reformat(format="yuv420p")
    luma, blue, red = (_plane(frame, i, turns) for i in range(3))
    return Frame(index, time, corrupt, luma, blue, red, full, bt709)


def _plane(frame: av.VideoFrame, number: int, turns: int) -> UInt8[np.ndarray, "h w"]:
    """A plane as an array without a copy, unless the picture has to be turned by quarter turns anticlockwise."""
    plane = frame.planes[number]
    flat = np.frombuffer(plane, np.uint8)  # pyright: ignore[reportCallIssue, reportArgumentType]
    rows = flat.reshape(plane.height, plane.line_size)[:, : plane.width]
    return np.ascontiguousarray(np.rot90(rows, turns)) if turns else rows
