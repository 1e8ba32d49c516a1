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
from personalize.adaptation.reference import minus_reference
from personalize.cohorts.columns import floats
from personalize.cohorts.identity import same_person_key
from pipelines.embedding import Encoder, embed_tracks
from pipelines.personalization.people import FOLDER, POPULATION
from pipelines.prepare import prepare
from pipelines.pretrained import find_pretrained
from pretrain.clips.tracks import index_tracks
from pretrain.errors import RunFailure, UserError, nearest
from pretrain.footage.manifest import read_manifest
from pretrain.training.start import Source

LEVEL = 0.95
SECONDS = 2.0
"""Of a recording's beginning that are its neutral moment, where the run found that in another way."""


def predict(run: Path, video: Path, *, participant: str | None, out: Path, encoder: Path | None = None) -> int:
    """Prepares and embeds a video as the run's clips were, and writes what the person's model says of every clip.

    `participant` None is the population's model; `encoder` is where the pretraining run lies, if it was moved. Columns:
    track, t0, t1, prediction, low, high (95 % predictive interval of a new label), se; for classes the name of the most
    probable one, no interval, and a probability of each. Returns the exit code; raises `UserError` for a run that
    cannot read videos, another encoder, a person unknown or a video without a whole clip, `RunFailure` for a video
    without a face, or that cannot be read.
    """
    if out.suffix not in (".csv", ".parquet"):
        raise UserError(f"--out {out}: must end with .csv or .parquet")
    if out.exists():
        raise UserError(f"{out} exists; choose another --out")
    record = _record(run)
    identity = record["inputs"]["encoder"]
    person = load_person(_file_of(run, participant), encoder=f"{identity['fingerprint']:08x}")
    source = _source(run, identity, encoder)
    network = Encoder(source.config)
    params, found = network.read(source)
    if found["fingerprint"] != identity["fingerprint"]:
        raise UserError(f"{source.name} has other weights than those that {run} was made with")
    with tempfile.TemporaryDirectory(prefix="wince-predict-") as scratch:  # 0700
        clips = _prepared(video, Path(scratch) / "clips", record["inputs"].get("prepared", {}))
        tracks = index_tracks(clips)
        table, said = embed_tracks(tracks, source.config.clip, network.featurizer(params, clips), clips)
    found = predictions(table, person, record["config"]["neutral"])
    _write(found, out)
    print(f"{said}: {out}")
    if len(tracks) > 1:
        print(f"{len(tracks)} tracks of faces: all of them are predicted as {person.about['participant']}")
    return 0


def predictions(clips: pd.DataFrame, person: Person, neutral: dict[str, Any]) -> pd.DataFrame:
    """What a person's model says of the clips of one recording, given as features with track, t0 and t1."""
    x = clips.filter([f"f{i}" for i in range(sum(name[1:].isdigit() for name in clips.columns))]).to_numpy(float)
    t0, t1 = floats(clips, "t0"), floats(clips, "t1")
    if parts(person.about["adaptation"]).referenced:
        seconds = neutral.get("seconds", SECONDS)
        if "seconds" not in neutral:
            print(
                f"the neutral moment of the run ({neutral['kind']}) is not known here: the first {seconds:g} s are it"
            )
        whole = np.zeros(len(x), int)
        x = minus_reference(x, whole, t0, t1, np.asarray(np.isfinite(x).all(axis=1)), seconds)
    columns: dict[str, Any] = {"track": np.asarray(clips["track"]), "t0": t0, "t1": t1}
    return pd.DataFrame(columns | _said(person, x))


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
    names = [classes[int(code)] for code in found.value]
    each = {f"p_{name}": found.probability[:, code] for code, name in enumerate(classes)}
    return {"prediction": names, "low": empty, "high": empty, "se": found.se, **each}


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
    scratch = out.with_name(out.name + ".tmp")
    if out.suffix == ".csv":
        table.to_csv(scratch, index=False)
    else:
        table.to_parquet(scratch, index=False)
    scratch.replace(out)
