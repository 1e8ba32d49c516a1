"""Stills of the Face Research Lab London Set against points that people placed by hand.

The folder holds labels.csv (file, subject_id, smiling, age, gender, ethnicity_self_reported) and landmarks189.csv (189
points of every neutral still). Smiling stills have no points: there faces are only counted.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from pretrain.errors import UserError
from pretrain.footage.faces import FaceFinder, FoundFace

from .finders import finder_of
from .measures import POINTS, bare, box_of_five, errors, match, quantile, summary, table

FIVE = ((0,), (1,), (54, 60, 179, 182), (87,), (93,))
"""Which of the 189 points make each of the five; where several, their mean. Read off stills with the numbers drawn.

0 and 1 are the pupils, 87 and 93 the corners of the mouth. No point lies on the tip of the nose itself: 54 and 60 are
the upper left and upper right edge of its ball, 179 and 182 the inner edges of the nostrils, 55 the root of the septum.
The mean of the four is the middle of the ball, as landmark 30 of iBUG is. What people call the tip is uncertain by some
5 % of the distance between the pupils along the nose: MediaPipe's numbers 4 and 1 lie 5 % above and 6 % below it.
"""
AGES = ((0, 25, "under 25"), (25, 30, "25–29"), (30, 200, "30 and over"))


class Still(NamedTuple):
    """A picture, who is on it and what was found."""

    person: str
    smiling: bool
    groups: dict[str, str]
    five: np.ndarray | None
    """Placed by hand."""
    found: list[FoundFace]
    mine: int | None
    """Number of the found face that is the person's, where there are points."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path)


def run(args: argparse.Namespace) -> None:
    for name in args.finder:
        stills = look(args.folder, finder_of(name, args.face_weights))
        print(f"**{name}**\n")
        print(counts(stills))
        print(by_point(stills))
        print(by_group(stills))


def look(folder: Path, find: FaceFinder) -> list[Still]:
    """All stills, searched."""
    labels = pd.read_csv(folder / "labels.csv")
    placed = pd.read_csv(folder / "landmarks189.csv").set_index("file")
    stills = []
    for row in labels.itertuples():
        luma = cv2.imread(str(folder / row.file), cv2.IMREAD_GRAYSCALE)
        if luma is None:
            raise UserError(f"cannot read {folder / row.file}")
        found = find(luma)
        five = five_of(placed.loc[row.file].to_numpy(float)) if row.file in placed.index else None
        mine = None if five is None else match([f.box for f in found], [box_of_five(five)])[0]
        groups = {"gender": row.gender, "ethnicity": row.ethnicity_self_reported, "age": band(row.age)}
        stills.append(Still(row.subject_id, bool(row.smiling), groups, five, found, mine))
    return stills


def five_of(numbers: np.ndarray) -> np.ndarray:
    """The five points of x, y of the 189."""
    points = numbers.reshape(-1, 2)
    return np.stack([points[list(which)].mean(0) for which in FIVE])


def band(age: float) -> str:
    """Name of the age band."""
    return next((name for low, high, name in AGES if low <= age < high), "unknown")


def counts(stills: list[Still]) -> str:
    """How often a face, and how often more than one."""
    rows = []
    for label, these in (
        ("neutral", [s for s in stills if not s.smiling]),
        ("smiling", [s for s in stills if s.smiling]),
        ("all", stills),
    ):
        rows.append([label, len(these), sum(len(s.found) > 0 for s in these), sum(len(s.found) > 1 for s in these)])
    return table(["stills", "number", "with a face", "with several"], rows)


def _errors(stills: list[Still]) -> np.ndarray:
    rows = []
    for s in stills:
        eyes = float(np.linalg.norm(s.five[1] - s.five[0]))
        rows.append(np.full(5, np.nan) if s.mine is None else errors(s.found[s.mine].points, s.five, eyes))
    return np.array(rows)


def _offsets(stills: list[Still]) -> np.ndarray:
    """Found minus placed in per cent of the distance between the pupils, n x 5 x 2."""
    none = np.full((5, 2), np.nan)
    moved = [none if s.mine is None else s.found[s.mine].points - s.five for s in stills]
    return np.array([100 * m / np.linalg.norm(s.five[1] - s.five[0]) for m, s in zip(moved, stills, strict=True)])


def by_point(stills: list[Still]) -> str:
    """Errors of every point and of all five, over stills with points; with the median offset to the right and down."""
    these = [s for s in stills if s.five is not None]
    people, error, offset = np.array([s.person for s in these]), _errors(these), _offsets(these)
    columns = {**{p: error[:, i] for i, p in enumerate(POINTS)}, "mean of the five": error.mean(1)}
    rows = []
    for i, (label, values) in enumerate(columns.items()):
        aside = [bare(offset[:, i, c], 0.5) if i < 5 else "" for c in (0, 1)]
        rows.append([label, summary(values, people, np.median), summary(values, people, quantile(0.95)), *aside])
    found = sum(s.mine is not None for s in these)
    head = [f"error, % ({found}/{len(these)} found)", "median", "p95", "median offset right", "down"]
    return table(head, rows)


def by_group(stills: list[Still]) -> str:
    """Found and mean of the five by what the labels give."""
    these = [s for s in stills if s.five is not None]
    people, mean = np.array([s.person for s in these]), _errors(these).mean(1)
    hit = np.array([s.mine is not None for s in these])
    rows = []
    for kind in these[0].groups if these else ():
        values = np.array([s.groups[kind] for s in these])
        for name in np.unique(values):
            w = values == name
            middle, high = (summary(mean[w], people[w], s) for s in (np.median, quantile(0.95)))
            rows.append([f"{kind}: {name}", f"{hit[w].sum()}/{w.sum()}", middle, high])
    return table(["mean of the five, %", "found", "median", "p95"], rows)
