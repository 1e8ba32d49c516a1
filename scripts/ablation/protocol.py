"""Recipes are chosen on development people and logged; a question is sealed and asked once of people never seen."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from personalize.evaluation.bootstrap import percentile_interval
from pretrain.errors import UserError, nearest

from .data import SEEDS, SIZES
from .scores import Columns, column_names
from .study import Study, people, run_digest, score_rows
from .tables import DIFFERENCES, markdown, over_seeds, table, with_interval

HERE = Path(__file__).parent
LOG, QUESTION, ASKED, RESULTS = (HERE / name for name in ("log.csv", "question.json", "asked.json", "results.md"))
LOGGED = (*DIFFERENCES, "identity/neutral", "ordinary/raw/pose/pcc", "variance/person", "variance/within")
KEY = ("recipe", "config", "seed", "people")
FEWEST_SEEDS = 5
NEEDED = {
    "question": "in words",
    "recipes": "list of rows",
    "baseline": "row that all are compared with",
    "comparisons": "list of {a, b, column, direction: higher or lower}",
    "delta": "smallest difference of interest",
    "people_seed": "of the test people, never used before",
    "seeds": f"training seeds, at least {FEWEST_SEEDS}",
    "size": "quick or default",
    "scale": "factor of the people",
    "steps": "of training",
    "encoder": "name",
}
"""Keys of a question."""


def develop(study: Study, rows: Sequence[str], seeds: Sequence[int], log: Path) -> str:
    """Scores rows on development people, logs each once, and returns their tables."""
    learnt, others = people(study, "pretraining"), people(study, "development")
    scores: dict[str, list[Columns]] = {}
    for row in rows:
        scores |= score_rows(study, [row], seeds, learnt, others)
        for seed, columns in zip(seeds, scores[row], strict=False):
            config = study.config(row, seed)
            line = {
                "date": datetime.now(UTC).date().isoformat(),
                "recipe": row,
                "config": run_digest(row, config, learnt.footage) if config else "",
                "seed": "" if config is None else seed,
                "people": others.footage.name,
                "encoder": "" if config is None else config.encoder.kind,
                "steps": "" if config is None else config.steps,
                **{name: f"{columns[name][0]:.4f}" for name in LOGGED},
            }
            append(log, line)
    return markdown({row: over_seeds(s) for row, s in scores.items()}, "measures" if "measures" in scores else rows[0])


def append(log: Path, line: Mapping[str, Any]) -> None:
    """Adds a row to a log unless it is there already."""
    known = list(csv.DictReader(log.read_text().splitlines())) if log.exists() else []
    if any(all(row[key] == str(line[key]) for key in KEY) for row in known):
        return
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(line), lineterminator="\n")
        if not known:
            writer.writeheader()
        writer.writerow(line)


def seal(question: Path) -> str:
    """Writes the hash of a question into it; raises `UserError` for an incomplete one."""
    content = _read(question)
    content["hash"] = hash_of(content)
    question.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return content["hash"]


def hash_of(question: Mapping[str, Any]) -> str:
    """SHA-256 of everything in a question but its hash."""
    rest = {key: value for key, value in question.items() if key != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def final(work: Path, workers: int, question: Path, asked: Path, results: Path, *, again: bool) -> str:
    """Asks a sealed question of people from a fresh seed, and writes the answer to `results`.

    Raises `UserError` when the question is not sealed or has changed since, when it has been answered already (unless
    `again`), and when another question has seen its people. An interrupted run goes on.
    """
    content = _read(question)
    if content.get("hash") != hash_of(content):
        raise UserError(f"{question} is not sealed, or has changed since: run `scripts/ablation_pretrain seal` first")
    size = SIZES[content["size"]].scaled(content["scale"])
    study = Study(work, size, content["encoder"], content["steps"], workers)
    rows = list(dict.fromkeys([content["baseline"], *content["recipes"]]))
    for row in rows:
        study.config(row, 0)  # unknown names are refused before anything is noted
    repeated = _enter(content, asked, again)
    learnt, others = people(study, "pretraining"), people(study, "test", content["people_seed"])
    scores = score_rows(study, rows, range(content["seeds"]), learnt, others)
    means = {row: over_seeds(s) for row, s in scores.items()}
    text = "\n".join([_head(content, study, repeated), answers(content, means), markdown(means, content["baseline"])])
    results.write_text(text)
    _finish(content["hash"], asked)
    return text


def _read(question: Path) -> dict[str, Any]:
    if not question.is_file():
        raise UserError(f"no question {question}: it needs the keys {', '.join(NEEDED)}")
    content = json.loads(question.read_text())
    if missing := [key for key in NEEDED if key not in content]:
        raise UserError(f"{question} lacks {missing[0]!r}: {NEEDED[missing[0]]}")
    if content["size"] not in SIZES:
        raise UserError(f"{question}: no size {content['size']!r}{nearest(content['size'], SIZES)}")
    if content["seeds"] < FEWEST_SEEDS and content["size"] != "quick":
        raise UserError(f"{question}: seeds={content['seeds']}, but a final run needs at least {FEWEST_SEEDS}")
    if content["people_seed"] in SEEDS.values():
        raise UserError(f"{question}: people_seed={content['people_seed']} names people who were trained or tuned on")
    rows = {content["baseline"], *content["recipes"]}
    if strange := [c for c in content["comparisons"] if not {c["a"], c["b"]} <= rows]:
        raise UserError(f"{question} compares {strange[0]['a']!r} with {strange[0]['b']!r}, which are not both rows")
    if strange := [c["column"] for c in content["comparisons"] if c["column"] not in column_names()]:
        raise UserError(f"{question}: no column {strange[0]!r}{nearest(strange[0], column_names())}")
    return content


def _enter(content: Mapping[str, Any], asked: Path, again: bool) -> bool:
    """Notes that a question is asked, before anything is known; whether it had been answered before."""
    known = json.loads(asked.read_text()) if asked.exists() else {}
    mine, seed = known.get(content["hash"]), content["people_seed"]
    if mine and mine["finished"] and not again:
        raise UserError(f"this question was answered on {mine['finished']}: --again repeats it, and says so")
    if others := [h for h, entry in known.items() if h != content["hash"] and entry["people_seed"] == seed]:
        raise UserError(f"question {others[0][:12]} has seen the people of seed {seed}: take new ones")
    if mine is None:
        known[content["hash"]] = {"started": _now(), "finished": None, "people_seed": seed}
        asked.write_text(json.dumps(known, indent=2) + "\n")
    return bool(mine and mine["finished"])


def _finish(key: str, asked: Path) -> None:
    known = json.loads(asked.read_text())
    known[key]["finished"] = _now()
    asked.write_text(json.dumps(known, indent=2) + "\n")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="minutes")


def _head(content: Mapping[str, Any], study: Study, repeated: bool) -> str:
    again = "**This question had been answered before; the run was repeated.**\n\n" if repeated else ""
    return (
        f"# Label-free recipes on unseen phantom people\n\n{again}{content['question']}\n\n"
        f"Written by `scripts/ablation_pretrain final` on {_now()[:10]}; question {content['hash'][:12]}, sealed "
        f"before the run. {study.size.pretraining} pretraining people, {study.size.people} test people of seed "
        f"{content['people_seed']}, {content['seeds']} training seeds, {study.steps} steps, encoder {study.encoder}. "
        "Brackets: 95 % intervals from resampling people and training seeds.\n"
    )


def answers(content: Mapping[str, Any], rows: Mapping[str, Columns]) -> str:
    """The sealed comparisons and what they say."""
    lines = {}
    for number, c in enumerate(content["comparisons"], 1):
        sign = 1 if c.get("direction", "higher") == "higher" else -1
        apart = rows[c["a"]][c["column"]] - rows[c["b"]][c["column"]]
        said = verdict(sign * apart, content["delta"])
        lines[f"{number}. {c['a']} − {c['b']}"] = [c["column"], with_interval(apart, 3), said]
    head = ("column", "difference", f"verdict (smallest difference of interest {content['delta']})")
    return "## The question\n\n" + table(head, lines)


def verdict(gain: Float[np.ndarray, "resamples"], delta: float) -> str:
    """What an interval of a gain (positive is better) says about a smallest difference of interest."""
    limits = percentile_interval(gain[1:])
    if limits is None:
        return "undefined"
    low, high = limits
    if low > 0:
        return "better, by more than the smallest of interest" if low >= delta else "better"
    if high < 0:
        return "worse"
    return "no difference of interest" if -delta < low and high < delta else "inconclusive"
