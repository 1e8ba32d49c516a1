"""From the footage arguments of a command to the files that get a manifest row."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.errors import UserError, nearest

VIDEO_ENDINGS = frozenset(
    [
        ".3gp",
        ".asf",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    ]
)
IMAGE_ENDINGS = frozenset([".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff"])
MAC_NOTES = "._"
"""How the files are called that macOS leaves beside all that it copies to a foreign disk."""
MIN_IMAGES = 5
"""A folder with fewer images is no image sequence."""

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)(?P<ending>\.\w+)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """One piece of footage: a video file, or a folder of numbered images."""

    name: str
    """Path relative to the footage argument, with forward slashes; the file name when a file was the argument."""
    path: Path


@dataclass(frozen=True)
class Footage:
    """What the arguments hold."""

    sources: list[Source]
    ignored: int
    """Files in searched folders that are no footage."""


def discover(arguments: Sequence[Path]) -> Footage:
    """Finds all footage under the arguments, in the order of its names.

    Raises `UserError` for a path that does not exist, for no footage at all, and for two pieces of footage that
    would carry the same name.
    """
    sources: list[Source] = []
    ignored = 0
    for argument in arguments:
        found, others = _search(argument)
        sources += found
        ignored += others
    if not sources:
        where = ", ".join(map(str, arguments)) or "no path given"
        raise UserError(f"no footage in {where} ({ignored} other files; looked for {' '.join(sorted(VIDEO_ENDINGS))})")
    _check_distinct(sources)
    return Footage(sorted(sources, key=lambda s: s.name), ignored)


def sequence_images(folder: Path) -> list[Path]:
    """Images of an image-sequence folder in the order of their numbers; empty where it is none.

    An image sequence is a folder whose images all carry one name and ending but for a number at the end, so that
    a folder of portraits of many people is none.
    """
    images = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_ENDINGS and not p.name.startswith(MAC_NOTES)]
    parts = [_NUMBERED.fullmatch(p.name) for p in images]
    if len(images) < MIN_IMAGES or not all(parts):
        return []
    if len({(m["stem"], m["ending"].lower()) for m in parts if m}) > 1:
        return []
    numbered = sorted((int(m["number"]), p.name, p) for m, p in zip(parts, images, strict=True) if m)
    return [p for _, _, p in numbered]


def _search(argument: Path) -> tuple[list[Source], int]:
    if not os.path.lexists(argument):
        siblings = [p.name for p in argument.parent.iterdir()] if argument.parent.is_dir() else []
        raise UserError(f"{argument}: no such file or folder{nearest(argument.name, siblings) if siblings else ''}")
    if not argument.is_dir():
        return [Source(_printable(argument.name), argument)], 0
    if _readable(argument) and sequence_images(argument):
        return [Source(_printable(argument.resolve().name), argument)], _other_files(argument)
    return _search_folder(argument)


def _search_folder(top: Path) -> tuple[list[Source], int]:
    paths: list[Path] = []
    named: list[Path] = []
    closed: list[OSError] = []
    ignored = 0
    for folder, folders, files in os.walk(top, onerror=closed.append):
        here = Path(folder)
        folders.sort()
        if _readable(here) and sequence_images(here):
            paths.append(here)
            ignored += _other_files(here)
            continue
        videos = [here / f for f in files if _like_a_video(f)]
        paths += videos
        ignored += len(files) - len(videos)
        named += [here] if here != top and _like_a_video(folder) else []
    paths += [Path(e.filename) for e in closed]  # the manifest says that they cannot be read
    # A folder that is called like a video and holds no footage: the manifest says that it is none.
    paths += [n for n in named if not any(p.is_relative_to(n) for p in paths)]
    return [Source(_printable(p.relative_to(top).as_posix() if p != top else top.name), p) for p in paths], ignored


def _like_a_video(name: str) -> bool:
    return Path(name).suffix.lower() in VIDEO_ENDINGS and not Path(name).name.startswith(MAC_NOTES)


def _readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _other_files(folder: Path) -> int:
    others = (p for p in folder.iterdir() if p.suffix.lower() not in IMAGE_ENDINGS or p.name.startswith(MAC_NOTES))
    return sum(p.is_file() for p in others)


def _printable(name: str) -> str:
    """The name as valid UTF-8: file systems allow bytes that no text format can hold."""
    return name.encode("utf-8", "backslashreplace").decode()


def _check_distinct(sources: Sequence[Source]) -> None:
    by_name: dict[str, Path] = {}
    by_path: dict[Path, Source] = {}
    for source in sources:
        if source.name in by_name:
            raise UserError(
                f"two files would both be called {source.name!r} in the clips: {by_name[source.name]} and "
                f"{source.path}; name their common parent folder instead"
            )
        real = Path(os.path.realpath(source.path))  # unlike `resolve`, it does not mind links that go in circles
        if real in by_path and not source.path.is_symlink():
            raise UserError(f"{source.path} is named twice, as {by_path[real].name!r} and as {source.name!r}")
        by_name[source.name] = source.path
        by_path[real] = source
    return
