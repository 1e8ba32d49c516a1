"""The UNBC-McMaster Shoulder Pain Archive as a cohort, read as it lies: nothing is copied.

A sequence of pictures is a recording, and its folder the recording's video, so that the clips of `wince prepare ROOT`
join by path. Pictures and codes belong together by the number in their names, never by their position.

Facts are marked `[code]` where public code has them, `[recall]` where they are from memory, `[inferred]` else. Source:
Lucey et al., Face and Gesture (2011) 57-64; Prkachin & Solomon, Pain 139 (2008) 267-274.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.cohort import Chooser, Cohort, chosen, cohort_name, rating_table, recording_table
from personalize.cohorts.unbc_files import SEQUENCES, Sequence, find_sequences, frames_of, read_number, read_rows
from pretrain.errors import UserError
from pretrain.footage.clock import SEQUENCE_FPS

NAME = "UNBC-McMaster"
CODED = ("AU04", "AU06", "AU07", "AU09", "AU10", "AU12", "AU20", "AU25", "AU26", "AU27", "AU43")
"""Action units of the FACS files `[code: 10 of them]`; AU27 is the uncertain one. Others in a file are left out."""
POINTS = 66
"""Of the landmarks `[code]`."""
LIMITS = {"pspi": (0, 16), "opi": (0, 5), "vas": (0, 10), "sen": (0, np.inf), "aff": (0, np.inf)}
"""Of the ratings `[recall]`; of the verbal scales only the lower one is known here."""
RATERS = {"pspi": "coder", "opi": "observer", "vas": "self", "sen": "self", "aff": "self"}

Ordered = dict[int, float]
"""Onset in seconds by number of the frame."""


def read_unbc(root: Path, only: Chooser | None = None) -> Cohort:
    """The archive below `root`: ratings `pspi` of frames, and `vas`, `sen`, `aff` and `opi` (OPR) of sequences.

    `aus` and `landmarks` of a recording are folders, which `Cohort.read_table` opens as tables. Frames follow each
    other at `SEQUENCE_FPS`, as the clips of the pictures do; the archive's own rate is not known here. Codes of frames
    without a picture have no time and are counted, as are pictures without codes; black pictures keep their codes, and
    have no clips. `only` chooses people: no rating of anybody else is opened.

    Raises `UserError` naming the first file or folder that is not of the layout.
    """
    sequences = {sequence.recording: sequence for sequence in find_sequences(root)}
    names = sorted({sequence.participant for sequence in sequences.values()})
    rows = [_recording(sequence, root) for sequence in sequences.values()]
    people = pd.DataFrame({"participant": names}, dtype=object)
    read_table = partial(_read_table, {path: s for s in sequences.values() for path in s.parts.values()})
    whole = Cohort(root, cohort_name(root, NAME), people, recording_table(rows), rating_table([]), read_table)
    some = chosen(whole, only)
    mine = [sequences[name] for name in some.recordings["recording"]]
    return replace(some, ratings=rating_table([_ratings(sequence) for sequence in mine]), counts=_counts(mine))


def _recording(sequence: Sequence, root: Path) -> dict[str, str]:
    paths = {part: path.relative_to(root).as_posix() for part, path in sequence.parts.items()}
    return {"participant": sequence.participant, "recording": sequence.recording, **paths}


def _ratings(sequence: Sequence) -> pd.DataFrame:
    onset, coded = _onsets(sequence), frames_of(sequence, "pspi")
    timed = [number for number in coded if number in onset]
    scores = [read_number(coded[number], *LIMITS["pspi"]) for number in timed]
    parts = [_rated([onset[number] for number in timed], 1 / SEQUENCE_FPS, "pspi", scores)]
    for scale in SEQUENCES.values():
        if scale in sequence.parts:
            value = read_number(sequence.parts[scale], *LIMITS[scale])
            parts.append(_rated([0.0], len(onset) / SEQUENCE_FPS, scale, [value]))
    return pd.concat(parts, ignore_index=True).assign(participant=sequence.participant, recording=sequence.recording)


def _rated(onset: list[float], duration: float, scale: str, values: list[float]) -> pd.DataFrame:
    words = np.array([f"{value:g}" for value in values], dtype=object)
    about = {"duration": duration, "scale": scale, "value": words, "rater": RATERS[scale]}
    return pd.DataFrame({"onset": np.array(onset, float), **about})


def _onsets(sequence: Sequence) -> Ordered:
    """When each frame is shown: pictures one after the other, whatever their numbers; without pictures the codes."""
    numbers = frames_of(sequence, "video") or {**frames_of(sequence, "pspi"), **frames_of(sequence, "aus")}
    return {number: place / SEQUENCE_FPS for place, number in enumerate(sorted(numbers))}


def _counts(sequences: list[Sequence]) -> dict[str, int]:
    """Files of frames that nothing can be joined to."""
    lonely, bare = 0, 0
    for sequence in sequences:
        onset = _onsets(sequence).keys()
        lonely += sum(len(frames_of(sequence, part).keys() - onset) for part in ("pspi", "aus", "landmarks"))
        bare += len(onset - frames_of(sequence, "pspi").keys())
    return {"frame_files_without_picture": lonely, "pictures_without_pspi": bare}


def _read_table(sequences: dict[Path, Sequence], folder: Path) -> pd.DataFrame:
    """Action units or landmarks of a sequence: `onset`, then their columns."""
    sequence = sequences[folder]
    part = next(name for name, path in sequence.parts.items() if path == folder)
    columns, read = TABLES[part]
    onset = _onsets(sequence)
    files = {number: file for number, file in frames_of(sequence, part).items() if number in onset}
    values = np.array([read(file) for file in files.values()], float).reshape(-1, len(columns))
    table = pd.DataFrame(values, columns=list(columns))
    table.insert(0, "onset", [onset[number] for number in files])
    return table


def _units(file: Path) -> list[float]:
    """Intensity of each of `CODED`: 0 where a unit is not in the file, for eyes that are closed (AU43) 1."""
    found = dict.fromkeys(CODED, 0.0)
    for row in read_rows(file):
        if len(row) < 2 or not row[0].is_integer() or not 0 <= row[1] <= 5:
            raise UserError(f"{file}: {row} does not begin with an action unit and an intensity from 0 to 5")
        if (name := f"AU{int(row[0]):02d}") in found:
            found[name] = float(row[1] > 0) if name == "AU43" else row[1]
    return [*found.values()]


def _points(file: Path) -> list[float]:
    rows = read_rows(file)
    if len(rows) != POINTS or any(len(row) != 2 for row in rows):
        raise UserError(f"{file}: not {POINTS} lines of x and y")
    return [value for row in rows for value in row]


TABLES: dict[str, tuple[tuple[str, ...], Callable[[Path], list[float]]]] = {
    "aus": (CODED, _units),
    "landmarks": (tuple(f"{axis}{i}" for i in range(POINTS) for axis in "xy"), _points),
}
"""Columns of each part that is a table, and how a frame's file becomes their values."""
