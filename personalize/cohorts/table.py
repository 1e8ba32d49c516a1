"""A flat table of rows, as most people have one, written as a cohort under new pseudonyms."""

import json
import secrets
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.columns import MISSING

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Of one case only, and without those that are easily confused."""


def pseudonyms(names: list[str]) -> dict[str, str]:
    """A random `sub-XXXX` for each name: unpredictable on purpose, so two imports of a table do not agree."""
    taken: dict[str, str] = {}
    while len(taken) < len(names):
        taken.setdefault("sub-" + "".join(secrets.choice(LETTERS) for _ in range(4)), names[len(taken)])
    return {name: pseudonym for pseudonym, name in taken.items()}


def write_table_cohort(
    folder: Path, people: dict[str, pd.DataFrame], *, name: str, target: str, features: list[str], ordered: bool
) -> None:
    """Writes rows by pseudonym into the empty `folder`: one recording a person, a row lasting 1 by its number."""
    for pseudonym in sorted(people):
        rows = people[pseudonym]
        stem = folder / pseudonym / pseudonym
        stem.parent.mkdir()
        onset = np.arange(len(rows))
        table = rows.filter(features)
        table.insert(0, "onset", onset)
        _write_tsv(stem.with_name(f"{pseudonym}_features.tsv"), table)
        _write_json(stem.with_name(f"{pseudonym}_features.json"), {"Time": "order" if ordered else "none"})
        value = np.asarray(rows[target], dtype=object)
        events = {"onset": onset, "duration": 1, "scale": target, "value": value, "rater": MISSING}
        _write_tsv(stem.with_name(f"{pseudonym}_events.tsv"), pd.DataFrame(events))
    _write_tsv(folder / "participants.tsv", pd.DataFrame({"participant_id": sorted(people)}))
    _write_json(folder / "participants.json", {"participant_id": {"Description": "random pseudonym"}})
    about = {
        "Name": name,
        "BIDSVersion": "1.9.0",
        "License": "not stated",
        "KnownCaveats": ["imported from a flat table: onset is " + ("the row order" if ordered else "without meaning")],
    }
    _write_json(folder / "dataset_description.json", about)


def write_key(file: Path, key: dict[str, str]) -> None:
    """Writes which name is behind which pseudonym to a new file that only its owner can read (0600)."""
    file.touch(mode=0o600, exist_ok=False)
    _write_tsv(file, pd.DataFrame({"participant_id": list(key.values()), "original": list(key)}))


def _write_tsv(file: Path, table: pd.DataFrame) -> None:
    table.to_csv(file, sep="\t", index=False, na_rep=MISSING)


def _write_json(file: Path, content: dict) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n")
