"""A linear world on disk: people whose ratings are an offset and a gain away from what their features say."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

RECORDINGS = ("ses-01", "ses-02")


def linear_world(
    root: Path, *, people=8, units=16, width=12, differ=1.0, noise=0.3, light=0.0, seed=0
) -> tuple[Path, Path]:
    """Writes a cohort (videos are empty files) and its features.parquet; returns both paths.

    A unit is 1 s. Ratings (`vas`, about 4 +- 2) are offset + gain * face; `differ` scales how much people differ,
    `light` an offset of the features that each recording has to itself. The first two units of a recording are
    neutral.
    """
    rng = np.random.default_rng(seed)
    cohort = root / "cohort"
    direction = rng.normal(size=width) / np.sqrt(width)
    names, features = [], []
    for person in range(people):
        name = f"sub-{person + 1:02d}"
        names.append(name)
        offset, gain = 4 + differ * rng.normal(), np.exp(0.5 * differ * rng.normal())
        for recording in RECORDINGS:
            folder = cohort / name / recording
            folder.mkdir(parents=True)
            stem = f"{name}_{recording}"
            (folder / f"{stem}_video.mp4").touch()
            latent = rng.normal(size=(units, width))
            latent[:2] = 0.0
            face = latent @ direction * 2
            value = offset + gain * face + noise * rng.normal(size=units)
            t0 = np.arange(units, dtype=float)
            write_events(folder / f"{stem}_events.tsv", t0, value)
            x = latent + light * rng.normal(size=width)
            table = pd.DataFrame(x, columns=[f"f{i}" for i in range(width)])
            source = f"{name}/{recording}/{stem}_video.mp4"
            keys = {"source": source, "track": 0, "start_frame": 0, "end_frame": 10, "t0": t0, "t1": t0 + 1}
            features.append(pd.concat([pd.DataFrame(keys), table], axis=1))
    pd.DataFrame({"participant_id": names}).to_csv(cohort / "participants.tsv", sep="\t", index=False)
    (cohort / "dataset_description.json").write_text(json.dumps({"Name": "linear world"}))
    file = root / "encoder.parquet"
    pd.concat(features, ignore_index=True).to_parquet(file)
    return cohort, file


def write_events(file: Path, onset, value, *, scale="vas", duration=1.0) -> None:
    table = {"onset": onset, "duration": duration, "scale": scale, "value": value, "rater": "self"}
    pd.DataFrame(table).to_csv(file, sep="\t", index=False, na_rep="n/a")
