"""`wince study`: one published system, as reported and honestly, cell by cell."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pandas as pd

from personalize.cohorts.layout import read_cohort
from personalize.protocols.audit import Finding
from personalize.protocols.base import marked
from personalize.studies.cells import Bench, Found, bench, is_leaky, marks_of, run_baselines, run_model
from personalize.studies.config import Size, Sizes, Slot, Study
from personalize.studies.data import Data, read_data
from personalize.studies.sizes import SIDES, Which, of_cohort, sized, with_encoder, with_references
from personalize.studies.splits import protocol_of
from pipelines.configuration import load_config, to_json
from pipelines.personalization.command import is_done, open_folder
from pipelines.personalization.results import About
from pipelines.personalization.store import FOLDER, Unit, read_unit, stacked, unit_file, write_table, write_unit
from pipelines.progress import progress
from pipelines.report.study import study_page
from pipelines.report.study_read import SCHEMA
from pipelines.run_folder import write_json
from pipelines.study.cohorts import Given, record_of, source_of
from pipelines.study.results import DRAWS, Part, gaps, numbers_of, part_entry
from pipelines.study.text import format_study
from pretrain.errors import RunFailure

BASELINES = "baselines"
"""The name of the cell of all baselines."""
NOTHING_GIVEN = Given()
RESULTS, PREDICTIONS = "results.json", "predictions.parquet"


class Place(NamedTuple):
    """A protocol in a world."""

    world: str
    side: str
    """as_reported or honest."""
    slot: int
    """Position among those of its side."""


class Cell(NamedTuple):
    """What is run in one go, and kept."""

    place: Place
    model: str
    """... or `BASELINES`."""
    seed: int

    @property
    def name(self) -> str:
        """By which its file is known again."""
        return "/".join(map(str, (*self.place, self.model, self.seed)))


class Done(NamedTuple):
    """A protocol in a world that has run."""

    part: Part
    numbers: dict[str, list[dict[str, Any]]]


class Run(NamedTuple):
    """A study that is being run."""

    name: str
    study: Study
    size: Sizes
    of: Size
    sides: tuple[str, ...]
    out: Path
    cohorts: Path
    given: Given
    referenced: bool

    def slot(self, place: Place) -> Slot:
        """The protocol of a place."""
        return getattr(self.study, place.side)[place.slot]


def run_study(
    name: str, out: Path, *, size: Sizes = "default", which: Which = "both", reference: bool = False,
    given: Given = NOTHING_GIVEN, cohorts: Path | None = None,
) -> int:  # fmt: skip
    """Runs a study and writes the run folder `out`; the same command again goes on, or changes nothing.

    Phantoms are made in the folder `cohorts` (default: within `out`) and found there again. After every protocol of
    every world the results are written anew, so that they can be read while the rest is run.
    Returns the exit code. Raises `UserError` for a mistake, `RunFailure` for a leak in an honest protocol.
    """
    study = sized(load_config(name if name.endswith(".py") else f"studies/{name}", Study), size)
    study = with_encoder(study) if given.encoder else study
    study = with_references(study) if reference else study
    if given.cohort is not None:
        study = of_cohort(study, read_cohort(given.cohort).name)
    record = {"config": to_json(study), "inputs": {"size": size, "protocol": which, **record_of(given)}}
    sides = SIDES if which == "both" else (which,)
    of = study.sizes[size]
    run = Run(Path(name).stem, study, size, of, sides, out, cohorts or out / "cohorts", given, reference)
    if is_done(out, record) and json.loads((out / RESULTS).read_text())["done"]:
        print(f"{out} is done already")
    else:
        open_folder(out, record, study.claims)
        with _compiled_quickly() if size == "smoke" else nullcontext():
            _run_all(run, record)
    print(format_study(json.loads((out / RESULTS).read_text())))
    return 0


@contextmanager
def _compiled_quickly() -> Iterator[None]:
    """For what compiles more than it computes."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def cells_of(run: Run) -> list[Cell]:
    """All cells of a run, world by world and protocol by protocol."""
    found = []
    for place in places_of(run):
        models = run.slot(place).models or tuple(run.study.models)
        found += [Cell(place, model, seed) for model in models for seed in run.of.seeds]
        found.append(Cell(place, BASELINES, 0))
    return found


def places_of(run: Run) -> list[Place]:
    """All protocols in all worlds."""
    slots = [(side, i) for side in run.sides for i in range(len(getattr(run.study, side)))]
    return [Place(world, side, i) for world in run.study.worlds for side, i in slots]


def _run_all(run: Run, record: dict[str, Any]) -> None:
    cells = cells_of(run)
    parts: dict[Place, Done] = {}
    world, data, made = "", None, {}
    with progress("study", len(cells)) as meter:
        for place in places_of(run):
            if data is None or place.world != world:
                world, data, made = place.world, _data(run, place.world), {}
            at = bench(run.study, data, run.slot(place), made)
            _refuse_leaks(at, "/".join(map(str, place)), at.findings)
            units = []
            for number, cell in enumerate(cells):
                if cell.place == place:
                    units.append(_unit(run, at, cell, number))
                    meter.update(number + 1)
            part = _part(run, at, place, units)
            parts[place] = Done(part, numbers_of(run.study, part))
            _write(run, cells, parts, record)
    shutil.rmtree(run.out / FOLDER)


def _data(run: Run, world: str) -> Data:
    of, config = run.study.worlds[world], run.study.input
    cohorts = [of.cohort]
    if of.train_cohort is not None and run.given.cohort is None:
        cohorts.append(of.train_cohort)
    smoke = run.size == "smoke"
    sources = [source_of(each, run.of, config, run.cohorts, run.given, smoke=smoke) for each in cohorts]
    return read_data(config, run.study.labels, *sources)


def _unit(run: Run, at: Bench, cell: Cell, number: int) -> Unit:
    """The cell's unit, read if it is there and made if not."""
    file = unit_file(run.out, number)
    if (unit := read_unit(file, cell.name)) is not None:
        return unit
    found = run_baselines(at, run.of.permuted) if cell.model == BASELINES else run_model(at, cell.model, cell.seed)
    _refuse_leaks(at, cell.name, found.findings)
    unit = Unit(stacked(found.columns), _about(cell, found))
    write_unit(file, unit)
    return unit


def _refuse_leaks(at: Bench, name: str, findings: list[tuple[str, Finding]]) -> None:
    if findings and not is_leaky(at.slot, at.data):
        where, leak = findings[0]
        raise RunFailure(f"{name}, {where}: leak ({leak.reason}): {leak.text}")


def _about(cell: Cell, found: Found) -> dict[str, Any]:
    return {"proof": {"fold": cell.name}, "findings": _as_rows(found.findings), "skipped": found.skipped}


def _as_rows(findings: list[tuple[str, Finding]]) -> list[dict[str, str]]:
    return [{"where": where, "reason": found.reason, "text": found.text} for where, found in findings]


def _part(run: Run, at: Bench, place: Place, units: list[Unit]) -> Part:
    protocol = protocol_of(at.slot, at.data)
    leaky = is_leaky(at.slot, at.data)
    name = marked(protocol) if protocol.leaky or not leaky else f"{marked(protocol)} LEAKY"
    kind = run.study.metric_kind()
    threshold = run.study.labels.threshold
    about = About(
        cohort=at.data.cohort,
        train_cohort=at.data.train_cohort,
        protocol=name,
        leaky=leaky,
        target=run.study.labels.target,
        kind=kind,
        threshold=None if kind == "probability" or threshold is None else float(threshold),
        seeds=list(run.of.seeds),
        marks={f"{key} {m.labels_used()}": marks_of(at, m) for key, m in run.study.models.items()},
        draws=DRAWS,
        seed=0,
    )
    table = pd.concat([unit.table for unit in units], ignore_index=True).assign(protocol=name, system=run.name)
    counts = {**at.data.counts, "participants_tested": table["participant"].nunique(),
              "test_units": sum(len(fold.test) for fold in at.folds)}  # fmt: skip
    findings = _merged([_as_rows(at.findings), *(unit.about["findings"] for unit in units)])
    more = findings, _skipped(units), counts, at.slot.because
    return Part(place.world, place.side, table, about, at.proofs(), *more)


def _merged(rows: list[list[dict[str, str]]]) -> list[dict[str, str]]:
    """All different ones."""
    return [dict(pairs) for pairs in dict.fromkeys(tuple(each.items()) for some in rows for each in some)]


def _skipped(units: list[Unit]) -> dict[str, str]:
    return {name: reason for unit in units for name, reason in unit.about["skipped"].items()}


def _write(run: Run, cells: list[Cell], parts: dict[Place, Done], record: dict[str, Any]) -> None:
    """Predictions and results of all that has run, and the page."""
    study, found = run.study, [done.part for done in parts.values()]
    rows = [_cell_row(run, cell, parts.get(cell.place)) for cell in cells]
    tables = [part.table.assign(world=part.world, slot=part.side) for part in found]
    write_table(run.out / PREDICTIONS, pd.concat(tables, ignore_index=True))
    results = {
        "schema": SCHEMA,
        "study": {"name": run.name, **to_json(study.system)},
        "size": run.size,
        "smoke": run.size == "smoke",
        "encoder": run.given.encoder and Path(run.given.encoder).name,
        "referenced": run.referenced,
        "primary": {"metric": study.metric, "pooling": study.pooling},
        "done": all(row["done"] for row in rows),
        "cells": rows,
        "parts": [part_entry(study, *done, record, run.out) for done in parts.values()],
        "gaps": gaps(study, found),
    }
    write_json(run.out / RESULTS, results)
    study_page(run.out, run.out / "report.html")


def _cell_row(run: Run, cell: Cell, done: Done | None) -> dict[str, Any]:
    protocol = run.slot(cell.place).protocol.kind if done is None else done.part.about.protocol
    where = {"world": cell.place.world, "slot": cell.place.side, "protocol": protocol}
    return {**where, "model": cell.model, "seed": cell.seed, "done": done is not None}
