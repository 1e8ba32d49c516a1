"""The columns of the table: each is a value and its resamples over people, for features of one encoder."""

import warnings
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Shaped

from personalize.adaptation.reference import minus_reference
from personalize.cohorts.joining import Rows
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.bootstrap import People, draw_counts, pooled_replicates
from personalize.phantom.face.facs import AUS
from personalize.protocols.cells import predict_all
from personalize.protocols.config import KShotConfig
from personalize.protocols.plan import Plan
from personalize.protocols.problem import Problem
from pretrain.clips.dataset import MEASURES
from pretrain.errors import UserError

from .data import Clips, column
from .film import CONDITIONS, TRUTH
from .probes import own_part, read_off, same_person, variance_shares

Columns = dict[str, Float[np.ndarray, "resamples"]]
"""By name; the first entry is the value itself, the others are of resampled people (the same for every column)."""
NEUTRAL_SECONDS = 2.0
"""Of the start of a recording, subtracted; phantoms show no expression in the first 2.5."""
LABELS = 5
PURGE = 2.0
"""Seconds between labels and test, where a person has but one recording."""
DRAWS = 1000
MOVES = {
    "eye_opening": ("AU05", "AU07", "AU06", "AU43", "AU45"),
    "brow_height": ("AU01", "AU02", "AU04"),
    "brow_gap": ("AU04",),
    "nose_length": ("AU09",),
    "upper_lip_height": ("AU10",),
    "mouth_opening": ("AU25", "AU26", "AU27"),
    "lip_thickness": ("AU23",),
    "lip_corner_spread": ("AU12", "AU20"),
    "lip_corner_height": ("AU12", "AU15"),
    "motion_energy": (),
}
"""The action units that move what a measure measures, by anatomy: the lids by their raiser, the orbicularis and
closure (AU06 narrows the eye from below); brows by frontalis and corrugator; the nose and the upper lip by their
levators; the lips by what parts and tightens them; their corners by zygomaticus, risorius and depressor. Motion energy
answers to all and tells none from another."""


def touched_aus() -> tuple[str, ...]:
    """Action units that some measure of this version is made to follow."""
    if unknown := [name for name in MEASURES if name not in MOVES]:
        raise UserError(f"say in scripts/ablation/scores.py which action units move the measure {unknown[0]!r}")
    return tuple(au for au in AUS if any(au in MOVES[name] for name in MEASURES))


def untouched_aus() -> tuple[str, ...]:
    """All other action units: what reads them has seen more than the measures."""
    return tuple(au for au in AUS if au not in touched_aus())


def column_names() -> list[str]:
    """The names of all columns."""
    targets = ("pspi", *AUS, "aus", "untouched", "own", "pose")
    probed = product(CONDITIONS, ("raw", "neutral"), targets, ("pcc", "mae"))
    identity = (f"identity/{name}" for name in ("raw", "neutral", "chance"))
    shares = (f"variance/{name}" for name in ("person", "recording", "within"))
    return [*("/".join(parts) for parts in probed), *identity, *shares, "k5/pcc", "k5/mae"]


def score(x: Float[np.ndarray, "n d"], clips: Clips, *, seed: int = 0) -> Columns:
    """All columns for the features of a set's clips, one row per clip.

    Names are `condition/reference/target/metric` with reference raw or neutral; targets `pspi`, each action unit,
    `aus` (their mean), `untouched` (mean of those that no measure touches), `own` (mean over those of what the touched
    ones do not tell linearly) and `pose` (mean of yaw and pitch); probes are fitted on ordinary recordings of other
    people. Besides `identity/reference`, `identity/chance`, `variance/person|recording|within` and `k5/pcc|mae`.
    """
    people = np.unique(clips.person)
    counts = np.vstack([np.ones(len(people), int), draw_counts(len(people), DRAWS, seed)])
    x = np.asarray(x, np.float64)
    referenced = minus_neutral(x, clips)
    with warnings.catch_warnings():  # an action unit that a resample never shows has no correlation there
        warnings.simplefilter("ignore", RuntimeWarning)
        columns: Columns = {}
        for name, features in (("raw", x), ("neutral", referenced)):
            columns |= _probed(features, clips, counts, name)
            columns[f"identity/{name}"] = _identity(features, clips, counts)[0]
        columns["identity/chance"] = _identity(x, clips, counts)[1]
        columns |= _shares(x, clips, counts)
        columns |= _few_labels(referenced, clips, counts)
    return columns


def minus_neutral(x: Float[np.ndarray, "n d"], clips: Clips) -> Float[np.ndarray, "n d"]:
    """Features as differences to the first seconds of the same recording, the same light and camera."""
    usable = np.ones(len(x), bool)
    return minus_reference(x, clips.recording, clips.t0, clips.t1, usable, NEUTRAL_SECONDS)


def _probed(x: Float[np.ndarray, "n d"], clips: Clips, counts: np.ndarray, reference: str) -> Columns:
    ordinary = np.asarray(clips.condition == "ordinary")
    untouched, touched = ([column(au) for au in aus] for aus in (untouched_aus(), touched_aus()))
    own = own_part(clips.truth[:, untouched].astype(float), clips.truth[:, touched].astype(float))
    truth = np.column_stack([clips.truth, own])
    names = [*TRUTH, *(f"own {au}" for au in untouched_aus())]
    predicted = read_off(x, truth, clips.person, ordinary)
    found: Columns = {}
    for condition in CONDITIONS:
        here = np.asarray(clips.condition == condition)
        for metric in ("pcc", "mae"):
            each = {
                name: _pooled(metric, truth[here, i], predicted[here, i], clips.person[here], clips, counts)
                for i, name in enumerate(names)
            }
            groups = {
                "aus": AUS,
                "untouched": untouched_aus(),
                "own": [f"own {au}" for au in untouched_aus()],
                "pose": ("yaw", "pitch"),
            }
            kept = {name: each[name] for name in ("pspi", *AUS)}
            kept |= {name: np.nanmean([each[m] for m in members], axis=0) for name, members in groups.items()}
            found |= {f"{condition}/{reference}/{name}/{metric}": values for name, values in kept.items()}
    return found


def _pooled(
    metric: str, truth: np.ndarray, prediction: np.ndarray, person: np.ndarray, clips: Clips, counts: np.ndarray
) -> Float[np.ndarray, "resamples"]:
    names = np.unique(clips.person)
    units = People(truth.astype(float), prediction, np.searchsorted(names, person), names)
    return pooled_replicates(metric, units, counts, None)


def _identity(x: Float[np.ndarray, "n d"], clips: Clips, counts: np.ndarray) -> list[np.ndarray]:
    here = np.asarray(clips.condition == "ordinary")
    shares = same_person(x[here], clips.person[here], clips.recording[here])
    return [_mean_over_clips(share, here, clips, counts) for share in shares]


def _mean_over_clips(values: np.ndarray, here: Bool[np.ndarray, "n"], clips: Clips, counts: np.ndarray) -> np.ndarray:
    names, code = np.unique(clips.person, return_inverse=True)
    total = np.bincount(code[here], values, len(names))
    return (counts @ total) / (counts @ np.bincount(code[here], minlength=len(names)))


def _shares(x: Float[np.ndarray, "n d"], clips: Clips, counts: np.ndarray) -> Columns:
    here = np.asarray(clips.condition == "ordinary")
    shares = variance_shares(x[here], clips.person[here], clips.recording[here], counts.astype(float))
    return {f"variance/{name}": shares[:, i] for i, name in enumerate(("person", "recording", "within"))}


def _few_labels(x: Float[np.ndarray, "n d"], clips: Clips, counts: np.ndarray) -> Columns:
    """Felt pain from a population model and five labels of the person's first ordinary recording; `x` is referenced.

    Pain and not PSPI, since people differ in how they show the one and not in how the other is read.
    """
    here = np.flatnonzero(clips.condition == "ordinary")
    rows = _rows(x[here], Clips(*(values[here] for values in clips)))
    cell = AdaptationConfig("ridge", k=LABELS)
    config = PersonalizeConfig(adaptations=(cell,), protocol=KShotConfig(purge=PURGE))
    table = predict_all(Plan(Problem(rows), config, [cell]))
    person = table["participant"].to_numpy(str).astype(int)
    truth, predicted = table["truth"].to_numpy(float), table["prediction"].to_numpy(float)
    return {f"k5/{metric}": _pooled(metric, truth, predicted, person, clips, counts) for metric in ("pcc", "mae")}


def _rows(x: Float[np.ndarray, "n d"], clips: Clips) -> Rows:
    text: Shaped[np.ndarray, "n"] = clips.recording.astype(str)
    return Rows(
        x=x,
        participant=clips.person.astype(str),
        recording=text,
        sequence=clips.recording,
        track=clips.track,
        t0=clips.t0,
        t1=clips.t1,
        y=clips.truth[:, column("pain")].astype(float),
        weight=np.ones(len(x)),
        valid=np.ones(len(x), bool),
    )
