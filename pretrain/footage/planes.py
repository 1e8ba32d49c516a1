"""The planes of decoded pictures: 8-bit luma and half-size chroma, upright, whatever the file holds.

Almost all footage is 8-bit 4:2:0, and its planes are looked at where the decoder left them. The rest is converted by
libswscale, keeping range and matrix; RGB becomes BT.601 of limited range.
"""

from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from jaxtyping import UInt8

_DIRECT = frozenset(["yuv420p", "yuvj420p"])
_LIMITED, _FULL = int(ColorRange.MPEG), int(ColorRange.JPEG)
_BT709_LIKE = (1, 9, 10)  # BT.709 and, nearer to it than to BT.601, both kinds of BT.2020
_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


class Planes(NamedTuple):
    """Luma, both chroma planes at half its size (odd sizes rounded up), and what their numbers mean."""

    luma: UInt8[np.ndarray, "h w"]
    blue: UInt8[np.ndarray, "ch cw"]
    red: UInt8[np.ndarray, "ch cw"]
    full_range: bool
    bt709: bool


class PlaneMaker:
    """Makes planes from frames; holds the converter, which is costly to set up."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Planes:
        """Planes, without a copy where the format allows. Raises `ValueError` or `FFmpegError` for exotic formats."""
        name = frame.format.name
        full = frame.color_range == _FULL or name.startswith("yuvj")
        bt709 = frame.colorspace in _BT709_LIKE
        turns = round(frame.rotation / 90) % 4  # before the conversion, which drops it
        if name in _DIRECT:
            luma, blue, red = (_plane(p) for p in frame.planes)
        elif _is_grey(frame.format):
            full = frame.color_range != _LIMITED  # so libav and its encoders take it where the file does not say
            luma = _plane((frame if name == "gray" else self._convert(frame, "gray", full)).planes[0])
            blue = red = np.full([(n + 1) // 2 for n in luma.shape], 128, np.uint8)
        else:
            if frame.format.is_rgb or frame.format.has_palette:
                full = bt709 = False
                frame = self._to_601(frame)
            else:
                frame = self._convert(frame, "yuv420p", full)
            luma, blue, red = (_plane(p) for p in frame.planes)
        if turns:
            luma, blue, red = (cv2.rotate(p, _TURNS[turns]) for p in (luma, blue, red))
        return Planes(luma, blue, red, full, bt709)  # pyright: ignore[reportArgumentType]

    def _convert(self, frame: av.VideoFrame, name: str, full: bool) -> av.VideoFrame:
        span = _FULL if full else _LIMITED
        return self._reformatter.reformat(frame, format=name, src_color_range=span, dst_color_range=span, threads=1)

    def _to_601(self, frame: av.VideoFrame) -> av.VideoFrame:
        return self._reformatter.reformat(
            frame,
            format="yuv420p",
            src_color_range=_FULL,
            dst_color_range=_LIMITED,
            dst_colorspace=Colorspace.ITU601,
            threads=1,
        )


def _is_grey(format: av.VideoFormat) -> bool:
    return not format.has_palette and len([c for c in format.components if not c.is_alpha]) == 1


def _plane(plane: VideoPlane) -> UInt8[np.ndarray, "h w"]:
    flat = np.frombuffer(plane, np.uint8)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return flat.reshape(plane.height, plane.line_size)[:, : plane.width]
