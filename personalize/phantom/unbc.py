"""Writes phantoms in the on-disk layout of the UNBC-McMaster Shoulder Pain Archive, for tests of what reads it.

Source: the code of at least eight public readers `[code]`; Lucey et al., Face and Gesture (2011) 57-64. Ids lie above
900, where the archive has nobody `[code]`. Words in brackets say how well a fact is known: seen in public code
`[code]`, `[recall]` from memory, `[inferred]`.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from personalize.phantom.face.facs import AU, pspi
from personalize.phantom.files import parent

MOVEMENTS = {"a": "abduction", "e": "external rotation", "f": "flexion", "i": "internal rotation"}
"""Letters `[code]` of the active movements of the arm and what they stand for `[inferred]`."""
CODED = ("AU04", "AU06", "AU07", "AU09", "AU10", "AU12", "AU20", "AU25", "AU26", "AU27", "AU43")
"""Action units in the FACS files `[code: 10 of them]`; AU27 is the uncertain one."""
SCALES = ("VAS", "SEN", "AFF", "OPR")
"""Ratings of a sequence, a number each `[code]`; OPR is the observer's."""
KEPT = tuple(i for i in range(68) if i not in (60, 64))
"""Of the 68 iBUG points the 66 `[code]` of the archive: all but the inner corners of the mouth `[recall]`."""
LARGEST = 99
"""Number of the last participant that has an id."""
_FIRST_ID = 900


class Sequence(NamedTuple):
    """One movement of one arm of one participant."""

    participant: int
    """1 to `LARGEST`."""
    test: int
    """1 or 2."""
    movement: str
    """A key of `MOVEMENTS`."""
    affected: bool
    """Whether it is the arm that hurts."""
    frames: UInt8[np.ndarray, "n h w 3"]
    """RGB. Written as they are: the archive has black pictures in one sequence `[code]`."""
    aus: Float[np.ndarray, "n 19"]
    """Columns `facs.AUS`, as coded: 0-5, AU43 0 or 1."""
    landmarks: Float32[np.ndarray, "n 68 2"]
    """x and y of the iBUG points, pixels."""
    ratings: dict[str, float]
    """A value for each of `SCALES`; NaN for no answer, which leaves the file out."""


def write_sequence(root: Path, sequence: Sequence, first_frame: int = 1) -> None:
    """Pictures, landmarks, PSPI, FACS and ratings of a sequence, below `root`; folders are the owner's alone.

    `first_frame` is the number of the first picture, which need not be 1 `[code]`; there is no more than 999.
    Raises ValueError for values that the layout cannot hold, and when the sequence is there already.
    """
    _check(sequence, first_frame)
    name = sequence_name(sequence.participant, sequence.test, sequence.movement, sequence.affected)
    inner = f"{participant_folder(sequence.participant)}/{name}"
    if (root / "Images" / inner).exists():
        raise ValueError(f"{inner} is written already")
    scores = pspi(sequence.aus)
    for i in range(len(sequence.frames)):
        stem = f"{inner}/{name}{first_frame + i:03d}"
        _write_picture(parent(root / f"Images/{stem}.png"), sequence.frames[i])
        _write_rows(root / f"AAM_landmarks/{stem}_aam.txt", sequence.landmarks[i, KEPT])
        _write_rows(root / f"Frame_Labels/PSPI/{stem}_facs.txt", scores[i : i + 1, None])
        _write_rows(root / f"Frame_Labels/FACS/{stem}_facs.txt", facs_rows(sequence.aus[i]))
    for scale, value in sequence.ratings.items():
        if not np.isnan(value):
            _write_rows(root / f"Sequence_Labels/{scale}/{inner}.txt", np.array([[value]]))


def participant_folder(number: int) -> str:
    """Folder of a participant: 901-aa901 for 1, 902-ab902 for 2. Raises ValueError outside 1 to `LARGEST`."""
    identity = _identity(number)
    return f"{identity[2:]}-{identity}"


def sequence_name(participant: int, test: int, movement: str, affected: bool) -> str:
    """Name of a sequence, like aa901t1aaaff. Grammar `[code]`: initials, id, t, test, a, movement, aff or unaff.

    Raises ValueError for a participant, test or movement that has no name.
    """
    if test not in (1, 2):
        raise ValueError(f"test {test} is neither 1 nor 2")
    if movement not in MOVEMENTS:
        raise ValueError(f"movement {movement!r} is none of {', '.join(MOVEMENTS)}")
    return f"{_identity(participant)}t{test}a{movement}{'aff' if affected else 'unaff'}"


def facs_rows(aus: Float[np.ndarray, "19"]) -> Float[np.ndarray, "shown 4"]:
    """Lines of a FACS file: number and intensity of the `CODED` units that are above 0, and no line for none.

    Further fields exist `[recall]`; what they hold is not known here, so two zeros stand for them.
    """
    shown = [name for name in CODED if aus[AU[name]] > 0]
    return np.array([[int(name[2:]), aus[AU[name]], 0, 0] for name in shown], float).reshape(-1, 4)


def _identity(number: int) -> str:
    if not 1 <= number <= LARGEST:
        raise ValueError(f"participant {number} has no id; the layout has them for 1 to {LARGEST}")
    first, second = divmod(number - 1, 26)
    return f"{chr(ord('a') + first)}{chr(ord('a') + second)}{_FIRST_ID + number}"


def _check(sequence: Sequence, first_frame: int) -> None:
    n = len(sequence.frames)
    if not n == len(sequence.aus) == len(sequence.landmarks):
        raise ValueError(f"{n} frames, {len(sequence.aus)} rows of AUs and {len(sequence.landmarks)} of landmarks")
    if first_frame < 0 or first_frame + n - 1 > 999:
        raise ValueError(f"frames {first_frame} to {first_frame + n - 1} do not fit three digits")
    if set(sequence.ratings) != set(SCALES):
        raise ValueError(f"ratings are {sorted(sequence.ratings)}, not {sorted(SCALES)}")


def _write_picture(path: Path, frame: UInt8[np.ndarray, "h w 3"]) -> None:
    if not cv2.imwrite(str(path), frame[..., ::-1]):
        raise OSError(f"{path} could not be written")


def _write_rows(path: Path, rows: Float[np.ndarray, "rows fields"]) -> None:
    """Floats in scientific notation, as in the archive's FACS files `[code]`; nothing for no rows."""
    lines = ("".join(f"   {value:.7e}" for value in row) + "\n" for row in rows)
    parent(path).write_text("".join(lines))
