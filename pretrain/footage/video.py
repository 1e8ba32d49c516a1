"""Decoded frames as planes, with true presentation times, upright, and with broken frames marked.

Colour is never converted here: the luma plane is what everything looks at, and `align` converts the few pixels of a
crop. PyAV neither rotates nor complains about broken frames by itself.
"""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition
from jaxtyping import UInt8

from pretrain.footage.clock import SEQUENCE_FPS, Clock
from pretrain.footage.deinterlace import Deinterlacer
from pretrain.footage.discover import sequence_images
from pretrain.footage.packets import PacketDecoder, errors_so_far, watch_errors
from pretrain.footage.planes import PlaneMaker, Planes
from pretrain.footage.sampling import Sampling

MAX_PIXELS = 8192 * 4608
"""Larger pictures are refused: a header can claim any size, and a decoder may hold 17 pictures. 8K film passes."""

_OPTIONS = {"max_pixels": str(MAX_PIXELS), "threads": "1"}
_EVERYTHING = Sampling()


class NoVideo(Exception):
    """The file can be read, but holds no video stream."""


class CorruptVideo(Exception):
    """The file is not a video that libav can read, or nothing here can decode it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, upright."""

    index: int
    """Number of the frame in the decoded file; with `keyframes`, where the others are not decoded, among key frames."""
    time: float
    """Presentation time in seconds since the start of the stream; never before that of the frame before."""
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
    """Colour matrix of ITU-R BT.709 (or BT.2020, which is near it) instead of BT.601."""


class VideoReader:
    """Iterates over the frames of a video file or image-sequence folder that `sampling` asks for.

    Size and format may change from frame to frame. Planes may lie in the decoder's memory: they are not to be written.
    After iteration `damaged_packets` counts the pieces of the file that the demuxer or decoder complained of, and
    `missing_frames` how many frames fewer came than the file's index promises.
    """

    def __init__(
        self, path: Path, sampling: Sampling = _EVERYTHING, beat: Callable[[float], None] = lambda seconds: None
    ) -> None:
        """`beat` is called with the time of every decoded frame, whether it is asked for or not."""
        self.path = path
        self.sampling = sampling
        self._beat = beat
        self.damaged_packets = 0
        self.missing_frames = 0

    def __iter__(self) -> Iterator[Frame]:
        """Raises `OSError`, `NoVideo` or `CorruptVideo`, all of them before the first frame."""
        if self.path.is_dir():
            return self._images()
        if not stat.S_ISREG(self.path.stat().st_mode):  # opening a pipe would wait for ever
            raise OSError(f"{self.path} is not a regular file")
        return self._video()

    def _video(self) -> Iterator[Frame]:
        with _open(self.path) as container:
            stream = _video_stream(container)
            if stream is None:
                raise NoVideo(str(self.path))
            if stream.codec_context is None:
                raise CorruptVideo(f"{self.path}: no decoder")
            stream.codec_context.options = _OPTIONS
            decoder = PacketDecoder(container, stream, self.sampling.keyframes)
            try:
                yield from self._picked(decoder, stream)
            finally:
                self.damaged_packets, self.missing_frames = decoder.damaged, decoder.missing

    def _picked(self, decoder: PacketDecoder, stream: av.VideoStream) -> Iterator[Frame]:
        picked = self.sampling.picker()
        planes = PlaneMaker()
        for frame, (index, time, corrupt) in _whole(decoder, Clock.of(stream)):
            self._beat(time)
            if not picked(index, time):
                continue
            try:
                yield Frame(index, time, corrupt, *planes(frame))
            except (FFmpegError, ValueError):  # a pixel format that libswscale cannot read
                decoder.damaged += 1

    def _images(self) -> Iterator[Frame]:
        images = sequence_images(self.path)
        if not images:
            raise OSError(f"{self.path} is a folder without numbered images")
        watch_errors()
        picked = self.sampling.picker()
        index = 0
        for number, image in enumerate(images):
            time = number / SEQUENCE_FPS
            self._beat(time)
            if picked(index, time):
                before = errors_so_far()
                try:
                    planes = _read_image(image)
                    yield Frame(index, time, errors_so_far() > before, *planes)
                except (FFmpegError, EOFError, StopIteration, IndexError, ValueError):
                    self.damaged_packets += 1
                    continue
            index += 1


def _open(path: Path) -> InputContainer:
    watch_errors()
    try:
        # Only local files: some formats are lists of addresses.
        options = _OPTIONS | {"protocol_whitelist": "file"}
        return av.open(str(path.absolute()), metadata_errors="replace", options=options)
    except FFmpegError as e:
        if isinstance(e, OSError) and not isinstance(e, InvalidDataError):
            raise OSError(f"{path}: {e.strerror}") from e
        raise CorruptVideo(str(path)) from e


def _video_stream(container: InputContainer) -> av.VideoStream | None:
    """The stream that players show. A cover picture is none."""
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    best = container.streams.best("video")
    return best if best in films else (films[0] if films else None)  # pyright: ignore[reportReturnType]


def _whole(decoder: PacketDecoder, clock: Clock) -> Iterator[tuple[av.VideoFrame, tuple[int, float, bool]]]:
    """Frames without interlacing, with index, time and whether they are broken."""
    deinterlacer: Deinterlacer[tuple[int, float, bool]] = Deinterlacer()
    for index, (frame, damaged) in enumerate(decoder):
        yield from deinterlacer(frame, (index, clock(frame.time), damaged))
    yield from deinterlacer.finish()


def _read_image(path: Path) -> Planes:
    # An open file, not a name: libav takes some image names for patterns of many files.
    with path.open("rb") as file, av.open(file, "r", metadata_errors="replace", options=_OPTIONS) as container:
        container.streams.video[0].codec_context.options = _OPTIONS
        return PlaneMaker()(next(container.decode(video=0)))
