"""Footage for tests: videos of phantom faces, of drawings and of nothing."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph
from av.video.reformatter import ColorRange
from jaxtyping import UInt8

from personalize.phantom.cohort import write_cohort
from personalize.phantom.scenarios.base import Extent

FPS = 10
SAME_EVERY_TIME = {"fflags": "bitexact"}
"""Has libav leave out dates and random numbers."""


def film_phantoms(folder: Path, seconds: float = 4) -> list[UInt8[np.ndarray, "t 160 160 3"]]:
    """Frames (RGB, 10 a second) of two phantom people whom the face nets see in every frame or almost."""
    extent = Extent(participants=2, recordings=1, seconds=float(seconds), fps=FPS)
    write_cohort(folder, extent=extent, seed=4, ratings=False)
    films = []
    for path in sorted(folder.glob("sub-*/**/*_video.mp4")):
        with av.open(str(path)) as container:
            films.append(np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)]))
    return films


def plain(frames: int, height: int = 160, width: int = 160, seed: int = 0) -> UInt8[np.ndarray, "t h w 3"]:
    """A still, faceless picture with a soft gradient."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, width)[None, :, None] * rng.uniform(0.5, 1, 3)
    return np.broadcast_to(ramp, (frames, height, width, 3)).astype(np.uint8)


def write_film(
    path: Path,
    frames: Sequence[UInt8[np.ndarray, "h w 3"]] | UInt8[np.ndarray, "t h w 3"],
    *,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    turned: int | None = None,
    format: str = "yuv420p",
    options: dict[str, str] | None = None,
    fps: int = FPS,
    woven: bool = False,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes RGB frames as a video, at the given presentation times (seconds) or at `fps`.

    `turned` is the display rotation in degrees that the header asks for, as libav counts it; `format` libav's name of
    the pixel format; `woven` marks the frames as two fields, the upper one first.
    """
    fine = {"crf": "18", "x264-params": "mbtree=0"} if codec == "libx264" else {}
    with av.open(str(path), "w", container_options=SAME_EVERY_TIME | (container_options or {})) as container:
        stream = container.add_stream(codec, rate=fps, options=fine | (options or {}))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = format
        if format.startswith("gray"):
            stream.codec_context.color_range = ColorRange.JPEG  # libswscale makes grey so, but does not say it
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if turned is not None:
            stream.set_display_rotation(turned)
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            if times is not None:
                frame.time_base, frame.pts = Fraction(1, 1000), round(1000 * times[i])
            elif woven:
                frame.time_base, frame.pts = Fraction(1, fps), i
            container.mux(stream.encode(_as_fields(frame.reformat(format=format)) if woven else frame))
        container.mux(stream.encode())
    if codec == "libsvtav1" and hasattr(os, "SCHED_OTHER"):
        # As root, SVT-AV1 gives its process real-time priority, and whatever that starts inherits it: two such
        # processes that wait for each other hold the cores forever.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return path


def _as_fields(frame: av.VideoFrame) -> av.VideoFrame:
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()
