"""What a run starts from: cohorts and features as one problem, and what of them has to be the same on a resume."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from personalize.cohorts.columns import floats, missing, texts
from personalize.cohorts.features import KEYS, embedded_features, has_order, has_time, tabulated_features
from personalize.cohorts.identity import same_person_key
from personalize.cohorts.joining import join
from personalize.cohorts.kinds import TargetKind, kind_of
from personalize.cohorts.layout import Cohort, choose_target, read_cohort
from personalize.config import MarkedRest, PersonalizeConfig
from personalize.protocols.problem import Problem, Rests, external_problem
from pipelines.embedding import ENCODER_KEY
from pipelines.personalization.described import described
from pipelines.private import hide_name, read_key
from pretrain.errors import UserError


class Source(NamedTuple):
    """A cohort and where its features are; None: in its own tables."""

    cohort: Cohort
    features: Path | None
    name: str | None = None
    """What the features are called; None: as their file."""


class Inputs(NamedTuple):
    """Everything that is read, and the record by which a resume knows it again."""

    problem: Problem
    target: str
    cohort: str
    train_cohort: str
    system: str
    counts: dict[str, Any]
    untested: dict[str, str]
    """Participants without any unit, and why."""
    record: dict[str, Any]
    participants: pd.DataFrame
    """What `participants.tsv` says of the people to be tested."""
    described: dict[str, Any]
    """See `described.described`."""


def read_source(
    cohort: Path,
    features: Path | None,
    private: Path | None,
    only: Callable[[Cohort], frozenset[str]] | None = None,
) -> Source:
    """Reads a cohort, or some people of it; `private` is the key file that hides names in the features."""
    if features is not None and not features.is_file():
        raise UserError(f"no features at {features}: make them with `wince embed`")
    data = read_cohort(cohort, only)
    if private is not None:
        key = read_key(private)
        videos = [hide_name(name, key) if name else "" for name in data.recordings["video"]]
        data = replace(data, recordings=data.recordings.assign(video=videos))
    return Source(data, features)


def read_inputs(
    config: PersonalizeConfig, source: Source, train: Source | None, apart: frozenset[str] = frozenset()
) -> Inputs:
    """Joins features and ratings of the cohort, and of the training cohort if there is one.

    `apart` are people of the cohort who are not to be tested. Raises `UserError` for whatever does not fit together.
    """
    sources = [source] if train is None else [train, source]
    target = choose_target(source.cohort, config.target)
    for other in sources:
        choose_target(other.cohort, target)
    kind = kind_of([s.cohort for s in sources], target, config.kind)
    found = [_problem(s, target, kind, config) for s in sources]
    problem, counts, untested = found[-1]
    if train is not None:
        problem = external_problem(found[0][0], problem, (train.cohort.name, source.cohort.name))
        counts |= {f"train_{name}": count for name, count in found[0][1].items()}
    names = {name if train is None else f"{source.cohort.name}/{name}" for name in apart}
    problem = replace(problem, apart=frozenset(names))
    system = source.name or system_name(source.features)
    record = {"system": system, "cohort": source.cohort.name, **_record(source)}
    if train is not None:
        record |= {"train_cohort": train.cohort.name, **{f"train_{k}": v for k, v in _record(train).items()}}
    if apart:
        record["development"] = people_record(apart)
    first = sources[0].cohort.name
    name, people = source.cohort.name, source.cohort.participants
    timed = source.features is not None or has_time(source.cohort)
    joined = "seconds" if timed else "order" if problem.ordered else "none"
    about = described(source.cohort, target, apart, joined)
    return Inputs(problem, target, name, first, system, counts, untested, record, people, about)


def system_name(features: Path | None) -> str:
    """What the features are called in reports: their file's name, or the folder's if that says nothing."""
    if features is None:
        return "table"
    return features.resolve().parent.name if features.stem == "features" else features.stem


def people_record(people: Iterable[str]) -> dict[str, Any]:
    """How many people, and by what one knows whether they are the same; no name."""
    names = sorted(map(same_person_key, people))
    return {"people": len(names), "checksum": hashlib.sha256("\n".join(names).encode()).hexdigest()}


def encoder_name(inputs: Inputs) -> str:
    """By what a person's model knows the features that it can read."""
    encoder = inputs.record.get("encoder")
    return inputs.system if encoder is None else f"{encoder['fingerprint']:08x}"


def encoder_of(features: Path) -> dict[str, Any] | None:
    """Step and fingerprint of the encoder that made a file of features, if it says so."""
    text = (pq.read_schema(features).metadata or {}).get(ENCODER_KEY)
    return None if text is None else json.loads(text)


def _problem(
    source: Source, target: str, kind: TargetKind, config: PersonalizeConfig
) -> tuple[Problem, dict[str, Any], dict[str, str]]:
    data, file = source.cohort, source.features
    table, seen = tabulated_features(data) if file is None else embedded_features(data, file)
    rows, joined = join(data, table, target, kind)
    columns = tuple(str(name) for name in table.columns if name not in KEYS)
    rests = _rests(data, config.neutral.scale) if isinstance(config.neutral, MarkedRest) else Problem(rows).rests
    ordered = file is not None or has_order(data)
    problem = Problem(rows, kind, ordered, columns, rests)
    return problem, {**seen, **joined}, _without_units(data, problem)


def _rests(data: Cohort, scale: str) -> Rests:
    marked = (texts(data.ratings, "scale") == scale) & ~missing(data.ratings, "onset")
    some = data.ratings.iloc[np.flatnonzero(marked)]
    onset = floats(some, "onset")
    return Rests(texts(some, "recording"), onset, onset + floats(some, "duration"))


def _without_units(data: Cohort, problem: Problem) -> dict[str, str]:
    rows, found = problem.rows, {}
    for person in texts(data.participants, "participant").tolist():
        own = rows.participant == person
        if (own & rows.valid).any():
            continue
        rated = int((own & (rows.weight > 0)).sum())
        if not own.any():
            found[person] = "no feature rows"
        else:
            found[person] = f"features missing in all {rated} rated rows" if rated else "no rated row"
    return found


def _record(source: Source) -> dict[str, Any]:
    """What beside the config decides the result, files by their checksum."""
    data, file = source.cohort, source.features
    record = {"features": _features_checksum(data, file), "ratings": ratings_checksum(data)}
    encoder = None if file is None else encoder_of(file)
    return record if encoder is None else {"encoder": encoder, **record}


def ratings_checksum(data: Cohort) -> str:
    """Of all ratings that were read."""
    return hashlib.sha256(data.ratings.to_csv(index=False).encode()).hexdigest()


def _features_checksum(data: Cohort, features: Path | None) -> str:
    digest = hashlib.sha256()
    tables = [data.root / name for name in data.recordings["features"] if name]
    for file in tables if features is None else [features]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
