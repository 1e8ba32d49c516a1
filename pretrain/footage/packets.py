"""From a container to decoded frames, with a count of everything that libav complains of on the way.

libav hides most damage behind its best guess: it conceals, skips and goes on, and only its log says so. Its errors are
therefore counted around every step. Sound files log none.
"""

from collections.abc import Iterator

import av
import av.logging
from av.container import InputContainer
from av.error import FFmpegError

MAX_READ_ERRORS = 20
"""After an error in reading, reading goes on; after this many in a row it ends."""
END_SLACK = 0.5
"""Seconds by which a film may end before its header says."""


def watch_errors() -> None:
    """Has libav's errors counted, but not printed."""
    if av.logging.get_level() != av.logging.PANIC:
        av.logging.set_level(av.logging.PANIC)


class PacketDecoder:
    """Iterates over the frames of a stream, or only over its key frames, each with whether it is broken.

    `damaged` counts the packets that could not be read or decoded without an error. `missing` is, after iteration, how
    many frames fewer came than the index promises; 1 where it is only known that the film ends too early.
    """

    def __init__(self, container: InputContainer, stream: av.VideoStream, keyframes: bool = False) -> None:
        self.damaged = 0
        self.missing = 0
        self._container = container
        self._stream = stream
        self._context = stream.codec_context
        self._independent = self._context.codec.intra_only
        self._keys_only = keyframes
        if keyframes:
            self._context.skip_frame = "NONKEY"
        self._promised_end = _promised_end(container, stream)
        self._end = 0.0

    def __iter__(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        packets = frames = 0
        for packet in self._packets():
            packets += packet.size > 0
            for frame in self._decode(packet):
                frames += 1
                yield frame
        self.missing = max(0, self._stream.frames - packets, self._lost(packets, frames), self._ends_early())

    def _packets(self) -> Iterator[av.Packet]:
        """All packets, and an empty one at the end that makes the decoder give what it holds back."""
        failures = 0
        while failures < MAX_READ_ERRORS:
            before = errors_so_far()
            try:
                for packet in self._container.demux(self._stream):
                    self.damaged += int(packet.is_corrupt or errors_so_far() > before)
                    failures = 0
                    if self._promised_end:
                        self._note_end(packet)
                    yield packet
                    before = errors_so_far()
                self.damaged += int(errors_so_far() > before)
                return
            except (FFmpegError, EOFError):
                self.damaged += 1
                failures += 1
        last = av.Packet(0)
        last.stream = self._stream
        if self._stream.time_base:
            last.time_base = self._stream.time_base
        yield last

    def _decode(self, packet: av.Packet) -> Iterator[tuple[av.VideoFrame, bool]]:
        before = errors_so_far()
        try:
            frames = self._context.decode(packet)
        except (FFmpegError, EOFError):
            self.damaged += 1
            return
        complaint = errors_so_far() > before
        self.damaged += int(complaint)
        for frame in frames:
            if self._keys_only and not frame.key_frame:  # not all decoders heed skip_frame
                continue
            yield frame, frame.is_corrupt or (complaint and self._independent)

    def _lost(self, packets: int, frames: int) -> int:
        """Frames that the decoder of MPEG-1 and MPEG-2 threw away: it does so in silence when the size changes.

        In those two, and not in others, every packet is a picture that is to be shown.
        """
        every = self._context.name in ("mpeg1video", "mpeg2video") and not self._keys_only
        return packets - frames if every else 0

    def _note_end(self, packet: av.Packet) -> None:
        if packet.pts is not None and packet.time_base:  # where few frames make a second, each lasts long
            self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def _ends_early(self) -> int:
        return int(self._promised_end > self._end + END_SLACK)


def _promised_end(container: InputContainer, stream: av.VideoStream) -> float:
    """Seconds that the header of a Matroska or WebM file, which has no index of its frames, promises; else 0.

    The length of the file is that of its longest stream, so it says nothing about the film beside others.
    """
    if "matroska" not in container.format.name:
        return 0.0
    tag = stream.metadata.get("DURATION", "")
    try:
        hours, minutes, seconds = map(float, tag.rstrip("\0").split(":"))
        return 3600 * hours + 60 * minutes + seconds
    except ValueError:
        alone = len(container.streams) == 1 and container.duration
        return container.duration / av.time_base if alone and container.duration else 0.0


def errors_so_far() -> int:
    """How many errors libav has logged in this process."""
    return av.logging.get_last_error()[0]
