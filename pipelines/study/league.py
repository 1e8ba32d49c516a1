"""The league table: a row for each study that was run, as a page and as CSV with the same numbers."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.report.numbers import pointed
from pipelines.report.pages import page_environment
from pipelines.report.study_facts import (
    SLOTS,
    answers,
    cells,
    main_model,
    on_phantoms,
    plain_verdict,
    published,
    side_of,
    tested,
    worlds,
)
from pipelines.report.study_read import RESULTS, read_study
from pipelines.report.study_words import KNOWN, PROTOCOLS, model_name, unmarked
from pipelines.report.words import EXPLAINED, marks
from pipelines.run_folder import write_text
from pretrain.errors import UserError

Row = dict[str, Any]


def write_league(runs: Sequence[Path], out: Path) -> int:
    """Writes OUT.html and OUT.csv of some runs, sorted by their number in the review; returns the exit code.

    Runs of size smoke are left out, with a line that says so; runs that are not finished are there with what has not
    run. Without any row nothing is written. Raises `UserError` for a folder that is no run of a study.
    """
    base = out.with_suffix("") if out.suffix.lower() in (".html", ".htm", ".csv") else out
    kept = []
    for folder in runs:
        results = _read(folder)
        if results["smoke"]:
            print(f"{folder} is not in the table: it is of size smoke, whose numbers mean nothing")
        else:
            kept.append((folder, results))
    if not kept:
        print("no table is written: there is no run that may stand in one")
        return 0
    kept.sort(key=lambda each: each[1]["study"]["number"])
    rows = [league_row(results, folder.name) for folder, results in kept]
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, text in (("csv", _csv(rows)), ("html", _page(rows, [results for _, results in kept]))):
        write_text(base.with_name(f"{base.name}.{suffix}"), text)
    print(f"table: {base.with_name(base.name + '.html')}")
    return 0


def league_row(results: Row, run: str) -> Row:
    """What a study comes to, under its first protocols in its first world; the keys are the columns of the CSV."""
    study, primary, side = results["study"], results["primary"], main_model(results)
    world = next(iter(worlds(results)), None)
    slots = {slot: (world["rows"][slot], world["parts"][slot]) if world else (None, None) for slot in SLOTS}
    told = published(results) or {}
    counted = cells(results)
    baseline = world["baseline"] if world else None
    return {
        **{key: study[key] for key in ("number", "name", "authors", "year", "title", "status")},
        "size": results["size"],
        "encoder": results["encoder"],
        "reference": "+ref" if results["referenced"] else None,
        "world": world["name"] if world else None,
        "people": tested(results) or None,
        "model": model_name(side) if side else None,
        **primary,
        **{f"published_{key}": told.get(key) for key in ("text", "what", "metric", "value", "mark")},
        **{key: value for slot, found in slots.items() for key, value in _slot(slot, *found).items()},
        "baseline_name": model_name(side_of(baseline)) if baseline else None,
        **_number("baseline", baseline, "value"),
        **_number("gap", world["gap"] if world else None, "difference"),
        "claims": " | ".join(_claims(results, "honest")) or None,
        "claims_as_reported": " | ".join(_claims(results, "as_reported")) or None,
        "cells": counted["all"],
        "cells_run": counted["done"],
        "run": run,
    }


def _slot(slot: str, row: Row | None, part: Row | None) -> Row:
    """Protocol, the number with its interval, and the words that it never goes without."""
    protocol = unmarked(part["protocol"]) if part else None
    words = " ".join(marks(row)) if row else None
    return {f"{slot}_protocol": protocol, **_number(slot, row, "value"), f"{slot}_marks": words or None}


def _number(name: str, row: Row | None, column: str) -> Row:
    row = row or {}
    ends = {f"{name}_{key}": row.get(key) for key in ("low", "high")}
    reason = row.get("reason") if row.get(column) is None else None
    return {name: row.get(column), **ends, f"{name}_reason": reason}


def _claims(results: Row, slot: str) -> Iterator[str]:
    """Every claim with its verdict in each world, and whether it is true there."""
    for each in answers(worlds(results)):
        told = [(a["name"], {True: " (true)", False: " (false)"}.get(a["truth"], ""), a[slot]) for a in each["worlds"]]
        if verdicts := [f"{name}{truth}: {row['verdict']}" for name, truth, row in told if row]:
            yield f"{each['says']}: {', '.join(verdicts)}"


def _csv(rows: Sequence[Row]) -> str:
    """Cells are plain: numbers with all digits, texts without line breaks, nothing where there is nothing."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: " ".join(v.split()) if isinstance(v, str) else v for key, v in row.items()})
    return buffer.getvalue()


def _page(rows: Sequence[Row], found: Sequence[Row]) -> str:
    """The page; its numbers point at the rows and columns of the CSV."""
    names = [row["name"] for row in rows]
    sources = dict.fromkeys(row["published_mark"] for row in rows if row["published_mark"])
    used = " ".join(row[f"{slot}_marks"] or "" for row in rows for slot in SLOTS)
    protocols = [row[f"{slot}_protocol"] for row in rows for slot in SLOTS]
    return page_environment({}).get_template("study_league.html").render(
        rows=pointed(json.loads(json.dumps(rows, allow_nan=False))),
        made=datetime.now(UTC).date().isoformat(),
        wince=version("wince"),
        claims=[answers(worlds(results)) for results in found],
        missing=[cells(results)["missing"] for results in found],
        unfinished=any(row["cells_run"] < row["cells"] or not row["cells"] for row in rows),
        phantoms=any(map(on_phantoms, found)),
        twice={name for name in names if names.count(name) > 1},
        known={mark: KNOWN.get(mark, "as the dossier marks it") for mark in sources},
        glossary={word: text for word, text in EXPLAINED.items() if word in used},
        protocols={name: PROTOCOLS[name] for name in protocols if name in PROTOCOLS},
        plain_verdict=plain_verdict,
    )  # fmt: skip


def _read(folder: Path) -> Row:
    """The results, or for a run that has begun and has none yet what its config says of the study."""
    if (folder / RESULTS).is_file() or not (folder / "config.json").is_file():
        return read_study(folder)
    try:
        record = json.loads((folder / "config.json").read_text())
        config, size = record["config"], record["inputs"]["size"]
        study = {**config["system"], "name": folder.resolve().name}
        primary = {"metric": config["metric"], "pooling": config["pooling"]}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} is not a run of `wince study`") from error
    about = {"smoke": size == "smoke", "encoder": None, "referenced": False}
    return {"study": study, "size": size, "primary": primary, **about, "cells": [], "parts": [], "gaps": []}
