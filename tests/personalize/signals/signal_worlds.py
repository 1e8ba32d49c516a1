"""Cohorts on disk with tables of action units and with muscle signals."""

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd


def new_cohort(root: Path, people: int = 2) -> list[Path]:
    """Participants with a recording each; returns the stems of their files."""
    names = [f"sub-{i + 1:02d}" for i in range(people)]
    root.mkdir(exist_ok=True)
    pd.DataFrame({"participant_id": names}).to_csv(root / "participants.tsv", sep="\t", index=False)
    for name in names:
        (root / name).mkdir()
    return [root / name / name for name in names]


def write_aus(stem: Path, onset, columns: dict) -> None:
    table = pd.DataFrame({"onset": onset, **columns})
    table.to_csv(f"{stem}_aus.tsv", sep="\t", index=False, na_rep="n/a")


def write_physio(stem: Path, channels: dict, rate: float, start: float = 0.0) -> None:
    samples = np.stack([*channels.values()], axis=1)
    text = pd.DataFrame(samples).to_csv(sep="\t", header=False, index=False, na_rep="n/a")
    Path(f"{stem}_physio.tsv.gz").write_bytes(gzip.compress(text.encode()))
    about = {"SamplingFrequency": rate, "StartTime": start, "Columns": [*channels]}
    Path(f"{stem}_physio.json").write_text(json.dumps(about))
