"""Presentation times in seconds since the start of a stream, whatever the file leaves out or gets wrong."""

import av

SEQUENCE_FPS = 25.0
"""Frame rate assumed for folders of numbered images, which carry no times, and for films that do not say."""

_PLAUSIBLE_FPS = (0.1, 1000.0)


class Clock:
    """Turns the times that frames carry into seconds since the start of the stream, never running backwards.

    Where a frame carries none, or one before that of the last frame (joined recordings), it is taken to follow the last
    one at the usual pace, and all after it are shifted along.
    """

    def __init__(self, start: float | None, step: float) -> None:
        self._start = start
        self._step = step
        self._last: float | None = None

    @staticmethod
    def of(stream: av.VideoStream) -> "Clock":
        """The clock of a stream that has just been opened."""
        rate, base, start = stream.average_rate, stream.time_base, stream.start_time
        if stream.container.format.name == "avi":  # which has no presentation times: the decoder's delay is in them
            start = None
        slowest, fastest = _PLAUSIBLE_FPS
        fps = float(rate) if rate and slowest <= rate <= fastest else SEQUENCE_FPS
        return Clock(float(start * base) if start is not None and base else None, 1 / fps)

    def __call__(self, stamp: float | None) -> float:
        """Time of the next frame, which carries `stamp` (seconds on the file's own clock)."""
        following = 0.0 if self._last is None else self._last + self._step
        if stamp is None:
            time = following
        else:
            if self._start is None or (self._last is None and stamp < self._start):
                self._start = stamp - following
            time = stamp - self._start
            if self._last is not None and time < self._last:
                self._start, time = stamp - following, following
        self._last = time
        return time
