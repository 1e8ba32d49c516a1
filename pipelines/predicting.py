"""`wince predict`: a person's model on a video."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
from jaxtyping import Float

from personalize.adaptation.files import ENDING, Person, load_person, person_file
from personalize.adaptation.names import parts
from personalize.cohorts.columns import floats
from personalize.cohorts.identity import same_person_key
from personalize.protocols.cells import level
from personalize.protocols.neutral import Neutral, first_seconds, lowest_predicted, marked_rest, minus_neutral
from personalize.protocols.plan import finite_rows
from pipelines.embedding import Encoder, embed_tracks
from pipelines.personalization.people import FOLDER, POPULATION
from pipelines.personalization.store import write_table
from pipelines.prepare import prepare
from pipelines.pretrained import find_pretrained
from pipelines.run_folder import write_text
from pretrain.clips.tracks import index_tracks
from pretrain.errors import RunFailure, UserError, nearest
from pretrain.footage.manifest import read_manifest
from pretrain.training.start import Source

LEVEL = 0.95
Rest = tuple[float, float]
"""Seconds of a film from which to which the person rests."""


def predict(
    run: Path,
    video: Path,
    *,
    participant: str | None,
    out: Path,
    encoder: Path | None = None,
    rest: Rest | None = None,
) -> int:
    """Prepares and embeds a video as the run's clips were, and writes what the person's model says of every clip.

    `participant` None is the population's model; `encoder` is where the pretraining run lies, if it was moved; `rest`
    is the neutral moment, for runs that took it from marked ones. Columns: track, t0, t1, prediction, low, high (95 %
    predictive interval of a new label), se; for classes the name of the one that is called, no interval, a probability
    of each, and of two the cut from which on the second is called. Returns the exit code; raises `UserError` for a run
    that cannot read videos or whose neutral moment a film does not have, another encoder, a person unknown or a video
    without a whole clip, `RunFailure` for a video without a face, or that cannot be read.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise UserError(f"--out {out}: must end with .csv or .parquet")
    if out.exists():
        raise UserError(f"{out} exists; choose another --out")
    record = _record(run)
    identity, neutral = record["inputs"]["encoder"], record["config"]["neutral"]
    person = load_person(_file_of(run, participant), encoder=f"{identity['fingerprint']:08x}")
    check_neutral(person, neutral, rest)
    source = _source(run, identity, encoder)
    network = Encoder(source.config)
    params, found = network.read(source)
    if found["fingerprint"] != identity["fingerprint"]:
        raise UserError(f"{source.name} has other weights than those that {run} was made with")
    with tempfile.TemporaryDirectory(prefix="wince-predict-") as scratch:  # 0700
        clips = _prepared(video, Path(scratch) / "clips", record["inputs"].get("prepared", {}))
        tracks = index_tracks(clips)
        table, said = embed_tracks(tracks, source.config.clip, network.featurizer(params, clips), clips)
    found = predictions(table, person, neutral, rest)
    _write(found, out)
    print(f"{said}: {out}")
    if len(tracks) > 1:
        print(f"{len(tracks)} tracks of faces: all of them are predicted as {person.about['participant']}")
    return 0


def check_neutral(person: Person, neutral: dict[str, Any], rest: Rest | None) -> None:
    """Raises `UserError` where the model needs a neutral moment that cannot be found in a film, or none was asked."""
    kind = neutral["kind"] if parts(person.about["adaptation"]).referenced else None
    if kind == "label_zero":
        raise UserError("the run took the neutral moment from labels (label_zero), of which a new film has none: "
                        "repeat `wince personalize` with --neutral.kind first_seconds")  # fmt: skip
    if kind == "marked_rest" and rest is None:
        raise UserError("the run took the neutral moment from marked rests: say with --rest FROM TO, in seconds, when "
                        "the person rests in this film")  # fmt: skip
    if kind != "marked_rest" and rest is not None:
        raise UserError(f"--rest is for models that take the neutral moment from a marked rest, not {kind or 'none'}")


def predictions(clips: pd.DataFrame, person: Person, neutral: dict[str, Any], rest: Rest | None = None) -> pd.DataFrame:
    """What a person's model says of the clips of one recording, given as features with track, t0 and t1."""
    x = clips.filter([f"f{i}" for i in range(sum(name[1:].isdigit() for name in clips.columns))]).to_numpy(float)
    t0, t1 = floats(clips, "t0"), floats(clips, "t1")
    if parts(person.about["adaptation"]).referenced:
        x = minus_neutral(x, _neutral(x, t0, t1, person, neutral, rest))
    columns: dict[str, Any] = {"track": np.asarray(clips["track"]), "t0": t0, "t1": t1}
    return pd.DataFrame(columns | _said(person, x))


def _neutral(
    x: Float[np.ndarray, "n d"],
    t0: Float[np.ndarray, "n"],
    t1: Float[np.ndarray, "n"],
    person: Person,
    neutral: dict[str, Any],
    rest: Rest | None,
) -> Neutral:
    """The neutral moment of a film, found as the run found those of its recordings."""
    whole, usable = np.zeros(len(x), int), finite_rows(x)
    if neutral["kind"] == "first_seconds":
        return first_seconds(whole, t0, t1, usable, neutral["seconds"])
    if neutral["kind"] == "lowest_predicted" and person.lowest is not None:
        predicted = np.full(len(x), np.nan)
        predicted[usable] = level(person.lowest.predict(x[usable]))
        return lowest_predicted(whole, usable, predicted, neutral["count"])
    check_neutral(person, neutral, rest)
    start, end = rest or (np.nan, np.nan)
    found = marked_rest(whole, t0, t1, usable, np.zeros(1, int), np.array([start]), np.array([end]))
    if not found.reference.any():
        raise UserError(f"--rest {start:g} {end:g}: no whole clip lies within")
    return found


def _said(person: Person, x: Float[np.ndarray, "n d"]) -> dict[str, Any]:
    found, classes = person.predict(x), person.about["classes"]
    if found.probability is None:
        half = scipy.stats.norm.ppf((1 + LEVEL) / 2) * found.se
        return {
            "prediction": found.value,
            "low": found.value - half,
            "high": found.value + half,
            "se": found.se,
        }
    empty = np.full(len(x), np.nan)
    codes, cut = found.value, {}
    if len(classes) == 2 and (chosen := person.about.get("cut")) is not None:
        codes, cut = found.probability[:, 1] >= chosen, {"cut": chosen}
    names = [classes[int(code)] for code in codes]
    each = {f"p_{name}": found.probability[:, code] for code, name in enumerate(classes)}
    return {"prediction": names, "low": empty, "high": empty, "se": found.se, **each, **cut}


def _record(run: Path) -> dict[str, Any]:
    """The record of a run that can predict."""
    if not (run / "results.json").is_file() or not (run / "config.json").is_file():
        raise UserError(f"{run} is not a finished run of `wince personalize`")
    record = json.loads((run / "config.json").read_text())
    encoder = record["inputs"].get("encoder", {})
    if "fingerprint" not in encoder and encoder:
        raise UserError(f"{run} scored checkpoints and kept no models: choose one with --encoder RUN@STEP")
    if "run" not in encoder:
        raise UserError(f"{run} was made from a table of features, which does not say how a video becomes features: "
                        "run `wince personalize` with --encoder and --clips")  # fmt: skip
    return record


def _file_of(run: Path, participant: str | None) -> Path:
    """The file of a person, by their name with or without the cohort and `sub-` before it."""
    folder = run / FOLDER
    if not folder.is_dir():
        raise UserError(f"{run} kept no models of people")
    if participant is None:
        return person_file(folder, POPULATION)
    names = {}
    for file in sorted(folder.glob(f"*{ENDING}")):
        name = file.stem.rpartition("%2F")[2]
        if name != POPULATION:
            names[name] = file
    wanted = {same_person_key(participant), same_person_key(f"sub-{participant}")}
    for name, file in names.items():
        if same_person_key(name) in wanted:
            return file
    raise UserError(f"{run} has no model of {participant!r}{nearest(participant, names)} (or say --population)")


def _source(run: Path, identity: dict[str, Any], moved: Path | None) -> Source:
    folder = moved or Path(identity["run"])
    if not folder.is_dir():
        raise UserError(f"the encoder of {run} is not at {folder} any more: say with --encoder where it is")
    return replace(find_pretrained(str(folder)), name=f"{folder}@{identity['step']}", step=identity["step"])


def _prepared(video: Path, clips: Path, options: dict[str, Any]) -> Path:
    given = {name: value for name, value in options.items() if value is not None}
    prepare([video], clips, workers=1, **given)
    row = read_manifest(clips)[0]
    if not row.crops:
        raise RunFailure(f"{video}: {row.status}{': ' + row.reason if row.reason else ''}: no face to predict from")
    if row.status not in ("ok", "partial"):
        raise RunFailure(f"{video}: {row.status}: {row.reason}")
    return clips


def _write(table: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if out.suffix == ".csv":
        write_text(out, table.to_csv(index=False))
    else:
        write_table(out, table)
