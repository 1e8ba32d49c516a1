"""A corpus of bad films, made from good ones and a seed: cut off, scrambled, lying, unreadable or no film at all."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import cv2
import numpy as np
from jaxtyping import UInt8

from tests.support.filmed import SAME_EVERY_TIME, film_phantoms, write_film
from tests.support.headers import absurd_duration, absurd_rate, huge_picture

SIDE = 128
"""Width and height of the good films, of 30 frames."""
SIZES = 1000
"""Key frames of a film that changes its size with each."""
BASES: dict[str, dict[str, Any]] = {
    "h264.mp4": {"codec": "libx264"},
    "h264.mkv": {"codec": "libx264"},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"b": "2M"}},
    "mjpeg.avi": {"codec": "mjpeg", "format": "yuvj420p", "options": {"q": "3"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"b": "2M"}, "fps": 25},
    "vp8.webm": {"codec": "libvpx", "options": {"b": "1M"}},
}
HOPELESS = frozenset(["zero_bytes", "text", "truncated", "audio_only", "one_frame", "symlink_loop", "folder", "fifo"])
"""Kinds of which nothing may end as `ok`. What is left of the others can be a good film: a bad duration beside a true
index, a header of 16k beside a stream that knows better, 400 bytes of which libav misses none. The superuser may read
what has no permission."""
LENGTHLESS = (".mpg", ".ts")
"""A stream of these says nowhere how long it should be: cut between two pictures it is a shorter film."""


@dataclass(frozen=True)
class Base:
    """A good film."""

    name: str
    data: bytes

    @property
    def ending(self) -> str:
        return Path(self.name).suffix


@cache
def film() -> list[UInt8[np.ndarray, "h w 3"]]:
    """The pictures of the good films: a phantom, in RGB."""
    with TemporaryDirectory() as folder:
        phantom = film_phantoms(Path(folder) / "cohort", 4)[0]
    return [cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in phantom[:30]]


@cache
def bases() -> tuple[Base, ...]:
    """Films of one phantom in several codecs and containers, made once per process."""
    with TemporaryDirectory() as folder:
        here = Path(folder)
        return tuple(Base(n, write_film(here / n, film(), **how).read_bytes()) for n, how in BASES.items())


Writer = Callable[[Path, Base, int, np.random.Generator], None]
"""Writes the nth file of its kind at a path, whose ending will be that of the base film."""


def _zero_bytes(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    path.write_bytes(b"")


def _text(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    path.write_text("".join(f"{rng.integers(1 << 60)},not a film\n" for _ in range(int(rng.integers(1, 3000)))))


def _truncated(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    tenth = n // len(BASES) % 9 + 1
    path.write_bytes(base.data[: int(len(base.data) * (tenth + rng.uniform(-0.05, 0.05)) / 10)])


def _flipped(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    """400 bytes are replaced: anywhere, or, every second time, where the pictures are and not the headers."""
    data = np.frombuffer(base.data, np.uint8).copy()
    first, last = (0, len(data)) if n % 2 else (len(data) // 10, len(data) * 9 // 10)
    where = rng.choice(np.arange(first, last), 400, replace=False)
    data[where] ^= rng.integers(1, 256, 400, dtype=np.uint8)
    path.write_bytes(data.tobytes())


def _audio_only(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    codecs = {".mp4": ("aac", "fltp"), ".webm": ("libopus", "s16"), ".mpg": ("mp2", "s16")}
    codec, form = codecs.get(base.ending, ("pcm_s16le", "s16"))
    with av.open(str(path), "w", container_options=SAME_EVERY_TIME) as container:
        stream = container.add_stream(codec, rate=48000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        noise = rng.normal(0, 0.1, (1, 1152 * 20))
        pcm = noise.astype(np.float32) if form == "fltp" else (noise * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format=form, layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _one_frame(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    write_film(path, rng.integers(0, 256, (1, SIDE, SIDE, 3), np.uint8), **BASES[base.name])


def _many_sizes(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    """Key frames, each a little larger or smaller than the one before."""
    codec, form, format = _SIZABLE[n % len(_SIZABLE)]
    sides = SIDE + np.cumsum(rng.integers(-1, 2, (SIZES, 2)) * 2, 0) % 32
    with av.open(str(path), "w", format=form, container_options=SAME_EVERY_TIME) as container:
        stream = container.add_stream(codec, rate=25, options={"b": "2M"})
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = SIDE
        stream.pix_fmt = format
        for number, (width, height) in enumerate(sides):
            picture = cv2.resize(film()[number % 30], (int(width), int(height)), interpolation=cv2.INTER_AREA)
            for packet in _encode_one(codec, format, picture):
                packet.stream, packet.time_base = stream, Fraction(1, 25)
                packet.pts = packet.dts = number
                container.mux(packet)


_SIZABLE = (("mjpeg", "avi", "yuvj420p"), ("libvpx", "webm", "yuv420p"), ("mpeg2video", "mpeg", "yuv420p"))


def _encode_one(codec: str, format: str, picture: np.ndarray) -> list[av.Packet]:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width = picture.shape[:2]
    context.pix_fmt, context.framerate, context.time_base = format, Fraction(25), Fraction(1, 25)
    context.bit_rate, context.thread_count = 2_000_000, 1
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=format)
    return [*context.encode(frame), *context.encode(None)]


def _patched(patch: Callable[[bytes, int], bytes]) -> Writer:
    def write(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
        path.write_bytes(patch(base.data, n // len(BASES)))

    return write


def _symlink_loop(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    path.symlink_to(path.name)


def _no_permission(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    path.write_bytes(base.data)
    path.chmod(0)


def _odd_name(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    path.write_bytes(base.data)


def _folder(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    path.mkdir()
    if n % 2:
        (path / "notes.txt").write_text("no film")


def _fifo(path: Path, base: Base, n: int, rng: np.random.Generator) -> None:
    os.mkfifo(path)


KINDS: dict[str, tuple[int, Writer]] = {
    "zero_bytes": (2, _zero_bytes),
    "text": (3, _text),
    "truncated": (30, _truncated),
    "flipped": (33, _flipped),
    "audio_only": (4, _audio_only),
    "one_frame": (4, _one_frame),
    "many_sizes": (1, _many_sizes),
    "absurd_duration": (6, _patched(absurd_duration)),
    "absurd_rate": (6, _patched(absurd_rate)),
    "huge_picture": (6, _patched(huge_picture)),
    "symlink_loop": (1, _symlink_loop),
    "no_permission": (1, _no_permission),
    "odd_name": (1, _odd_name),
    "folder": (1, _folder),
    "fifo": (1, _fifo),
}
"""Every kind with its share of a large corpus in per cent, and its writer."""


def write_corpus(folder: Path, count: int, seed: int, *, without: str = "") -> dict[str, str]:
    """Writes `count` bad films, at least 3 of every kind, and returns the kind of each by name."""
    kinds: dict[str, str] = {}
    counts = _counts(count)
    counts.pop(without, None)
    for kind, how_many in counts.items():
        for n in range(how_many):
            base = bases()[n % len(bases())]
            ending = f".{_SIZABLE[n % len(_SIZABLE)][1]}" if kind == "many_sizes" else base.ending
            name = f"{kind}\n{n:04d} \N{GRINNING FACE}" if kind == "odd_name" else f"{kind}_{n:04d}"
            rng = np.random.default_rng([seed, list(KINDS).index(kind), n])
            KINDS[kind][1](folder / (name + ending), base, n, rng)
            kinds[name + ending] = kind
    return kinds


def _counts(count: int) -> dict[str, int]:
    spare = count - 3 * len(KINDS)
    counts = {kind: 3 + spare * share // 100 for kind, (share, _) in KINDS.items()}
    counts["flipped"] += count - sum(counts.values())
    return counts
