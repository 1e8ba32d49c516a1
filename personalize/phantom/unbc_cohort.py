"""A phantom recording as a sequence in the layout of the UNBC-McMaster archive."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from personalize.phantom.face.landmarks import annotate
from personalize.phantom.filming import Take
from personalize.phantom.patient.course import coded
from personalize.phantom.patient.raters import Observer
from personalize.phantom.scenarios.base import Scenario
from personalize.phantom.unbc import Sequence, write_sequence

RATINGS = {"vas": "VAS", "sen": "SEN", "aff": "AFF", "opi": "OPR"}
"""Scales of a sequence as the scenario and as the archive call them."""
BLACK = (2, "02", 8)
"""Participant, session and number of last frames that are black, as some are in 095-tv095 of the archive `[code]`."""


def write_unbc(
    root: Path, take: Take, scenario: Scenario, raters: tuple[Observer, ...], pictures: UInt8[np.ndarray, "n h w 3"]
) -> None:
    """Frames, landmarks, codes and ratings of one recording; `take` must be of a scenario that notes test and arm."""
    about = dict(take.recording.plan.about)
    rating_rng, name_rng = take.rng.spawn(2)
    events = scenario.events(take.recording, raters, rating_rng)
    values = {theirs: events.loc[events["scale"] == ours, "value"].iloc[0] for ours, theirs in RATINGS.items()}
    sequence = Sequence(
        participant=take.member.number,
        test=int(about["test"]),
        movement=about["movement"],
        affected=about["side"] == "affected",
        frames=_with_black(take, pictures),
        aus=coded(take.recording.course),
        landmarks=annotate(take.faces, pictures.shape[1]).landmarks,
        ratings={name: float(value) for name, value in values.items()},
    )
    write_sequence(root, sequence, first_frame=int(name_rng.integers(1, 20)))


def _with_black(take: Take, pictures: UInt8[np.ndarray, "n h w 3"]) -> UInt8[np.ndarray, "n h w 3"]:
    """The pictures; in one sequence of the cohort the camera has failed towards the end."""
    number, session, count = BLACK
    if (take.member.number, take.recording.plan.session) != (number, session):
        return pictures
    return np.concatenate([pictures[:-count], np.zeros_like(pictures[-count:])])
