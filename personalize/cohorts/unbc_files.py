"""The files of the UNBC-McMaster Shoulder Pain Archive: found, sorted by sequence, and read.

The layout, as the code of at least eight public readers has it `[code]`:

    Images/042-ll042/ll042t1aaaff/ll042t1aaaff001.png
    AAM_landmarks/042-ll042/ll042t1aaaff/ll042t1aaaff001_aam.txt     66 lines: x y
    Frame_Labels/PSPI/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt   one number
    Frame_Labels/FACS/042-ll042/ll042t1aaaff/ll042t1aaaff001_facs.txt   lines: action unit, intensity, what nobody needs
    Sequence_Labels/{VAS,SEN,AFF,OPR}/042-ll042/ll042t1aaaff.txt        one number

Copies in use have doubled or nested folders (`Images/Images`, `Sequence_Labels/Frame_Labels/PSPI`), other letter case,
or lack whole parts. So a folder is known by the name of what holds its participants' folders, at any depth, and never
by the ending of its files: PSPI and FACS share theirs.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from pretrain.errors import UserError
from pretrain.footage.discover import IMAGE_ENDINGS

FRAMES = {"images": "video", "aam_landmarks": "landmarks", "facs": "aus", "pspi": "pspi"}
"""Folders that hold a folder of frames for each sequence, and what is in them."""
SEQUENCES = {"vas": "vas", "sen": "sen", "aff": "aff", "opr": "opi"}
"""Folders that hold one file for each sequence, and the scale on which it rates."""
PARTS = FRAMES | SEQUENCES
ENDINGS = {
    "video": "|".join(re.escape(ending) for ending in sorted(IMAGE_ENDINGS)),
    "landmarks": r"_aam\.txt",
    "aus": r"_facs\.txt",
    "pspi": r"_facs\.txt",
}
"""Of the files of a frame, as patterns."""
_PERSON = re.compile(r"(?P<number>\d{3})-(?P<identity>[a-z]{2}(?P=number))")
_SEQUENCE = re.compile(r"(?P<identity>[a-z]{2}\d{3})t[12]a[aefi](aff|unaff)")


class Sequence(NamedTuple):
    """One movement of one arm: a recording."""

    participant: str
    """`sub-042`."""
    recording: str
    """`sub-042_t1aaaff`: without the initials that the archive's own name begins with."""
    name: str
    """`ll042t1aaaff`, in small letters."""
    parts: dict[str, Path]
    """What there is of `PARTS`: a folder of frames, or the file of a rating."""


def find_sequences(root: Path) -> list[Sequence]:
    """Everything of the archive below `root`; raises `UserError` for what cannot be told apart, or nothing at all."""
    if not root.is_dir():
        raise UserError(f"no archive at {root}: no such folder")
    found: dict[str, Sequence] = {}
    identities: dict[str, str] = {}
    for part, person, folder in _participant_folders(root):
        participant, identity = f"sub-{person['number']}", person["identity"]
        if identities.setdefault(participant, identity) != identity:
            raise UserError(f"{folder}: {identity} has the number of {identities[participant]}: who is {participant}?")
        for entry in _sequences(part, folder):
            name = entry.stem.lower() if part in SEQUENCES.values() else entry.name.lower()
            whose = _SEQUENCE.fullmatch(name)
            if whose and whose["identity"] != identity:
                raise UserError(f"{entry}: a sequence of {whose['identity']} among those of {identity}")
            recording = f"{participant}_{name.removeprefix(identity)}"
            parts = found.setdefault(recording, Sequence(participant, recording, name, {})).parts
            if part in parts:
                raise UserError(f"{parts[part]} and {entry} are both the {part} of {name}: remove one")
            parts[part] = entry
    if not found:
        raise UserError(f"{root}: nothing of UNBC-McMaster there, such as Images/042-ll042/ll042t1aaaff")
    return list(found.values())


def frames_of(sequence: Sequence, part: str) -> dict[int, Path]:
    """Files of a part by number of their frame, in that order; {} where the sequence has none.

    Raises `UserError` for a file that belongs to no frame of the sequence, and for two of one frame.
    """
    if part not in sequence.parts:
        return {}
    ending = re.compile(f"(?:{ENDINGS[part]})$", re.IGNORECASE)
    frame = re.compile(rf"{re.escape(sequence.name)}(\d+)", re.IGNORECASE)
    folder, found = sequence.parts[part], dict[int, str]()
    for file in _visible(folder):
        if (end := ending.search(file)) is None:
            continue
        number = frame.fullmatch(file[: end.start()])
        if number is None:
            raise UserError(f"{folder / file}: not called like a frame of {sequence.name}, such as {sequence.name}001")
        if (other := found.setdefault(int(number[1]), file)) != file:
            raise UserError(f"{folder / other} and {file} are both frame {int(number[1])} of {sequence.name}")
    return {number: folder / found[number] for number in sorted(found)}


def read_rows(file: Path) -> list[list[float]]:
    """Lines of numbers; raises `UserError` where there is anything else."""
    try:
        return [[float(word) for word in line.split()] for line in file.read_text().splitlines() if line.strip()]
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: not lines of numbers ({str(error).splitlines()[0]})") from error


def read_number(file: Path, least: float | int, most: float | int) -> float:
    """The one number in a file; raises `UserError` where it is not one, or not between the two."""
    rows = read_rows(file)
    if len(rows) != 1 or len(rows[0]) != 1:
        raise UserError(f"{file}: {sum(map(len, rows))} numbers where one is expected")
    (value,) = rows[0]
    if not least <= value <= most:
        raise UserError(f"{file}: {value:g} is not on its scale, which goes from {least:g} to {most:g}")
    return value


def _participant_folders(root: Path) -> Iterator[tuple[str, re.Match[str], Path]]:
    """Every folder of a participant in a known part, with that part; in the order of their paths."""
    for folder, inner, _ in os.walk(root, onerror=_refuse):
        inner[:] = sorted(name for name in inner if not name.startswith((".", "__")))  # __MACOSX, for one
        part = PARTS.get(Path(folder).name.lower())
        if part is None:
            continue
        people = {name: _PERSON.fullmatch(name.lower()) for name in inner}
        for name, person in people.items():
            if person is not None:
                yield part, person, Path(folder, name)
            elif name.lower() not in (*PARTS, "frame_labels", "sequence_labels"):
                raise UserError(f"{Path(folder, name)}: not called like a participant, such as 042-ll042")
        inner[:] = [name for name, person in people.items() if person is None]


def _sequences(part: str, folder: Path) -> list[Path]:
    """Folders of frames, or files of ratings, of one participant; other files are ignored."""
    entries = [folder / name for name in _visible(folder)]
    nested = [entry for entry in entries if entry.is_dir()]
    if part in FRAMES.values():
        return nested
    if nested:
        raise UserError(f"{nested[0]}: a folder where files such as ll042t1aaaff.txt are expected")
    return [entry for entry in entries if entry.suffix.lower() == ".txt"]


def _visible(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 (much faster)
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    raise UserError(f"{error.filename}: {error.strerror}") from error
