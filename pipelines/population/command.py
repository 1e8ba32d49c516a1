"""All rungs at all numbers of labelled people, cell by cell; then what they are worth on the same test people."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.protocols.cells import Models
from personalize.protocols.leakage import LeakError
from personalize.protocols.plan import Plan
from personalize.protocols.population import PopulationConfig, RungCell, rung_cells, rung_of, sizes
from personalize.protocols.rungs import check_neutral, run_rung, testable, unsuitable
from pipelines.configuration import to_json
from pipelines.personalization import command as runs
from pipelines.personalization.inputs import Inputs
from pipelines.personalization.store import FOLDER, Unit, all_units, write_table
from pipelines.population.results import label, population_results
from pipelines.population.shift import shift_page
from pipelines.population.text import format_population
from pipelines.run_folder import write_json
from pretrain.errors import RunFailure, UserError


class Ladder(NamedTuple):
    """All that is to be done."""

    plan: Plan
    config: PopulationConfig
    cells: list[RungCell]
    models: Models
    development: list[str]
    """Development people with labelled units."""
    skipped: dict[str, str]
    """Rungs that there are not for this target, and why."""


def evaluate_population(
    config: PersonalizeConfig, inputs: Inputs, out: Path, begin: Callable[[], dict[str, Any]] = dict
) -> int:
    """Makes the run folder, or goes on in it; `begin` is called before anybody is tested and adds to the results.

    Returns the exit code; raises `UserError` where the data do not allow it, `RunFailure` for a leak.
    """
    config = replace(config, target=inputs.target)
    record = {"config": to_json(config), "inputs": inputs.record}
    if runs.is_done(out, record):
        shutil.rmtree(out / FOLDER, ignore_errors=True)
        print(f"{out} is done already")
    else:
        ladder = ladder_of(config, inputs)
        runs.open_folder(out, record)
        more = begin()
        finish(out, ladder, inputs, run_cells(out, ladder), more)
    print(format_population(json.loads((out / runs.RESULTS).read_text())))
    return 0


def ladder_of(config: PersonalizeConfig, inputs: Inputs) -> Ladder:
    """Who is labelled and tested in every cell; nothing is fitted here."""
    external, ladder = inputs.problem.external, config.population
    assert ladder is not None
    if external is None:
        raise UserError("a new population needs a known one: name its cohort with --train-cohort")
    kind = inputs.problem.model_kind()
    reasons = {rung: reason for rung in ladder.all_rungs() if (reason := unsuitable(rung, kind))}
    ladder = replace(ladder, rungs=tuple(rung for rung in ladder.all_rungs() if rung not in reasons))
    check_neutral(config, ladder.rungs)
    features = sorted({rung_of(rung).features or "none" for rung in ladder.rungs})
    plan = Plan(inputs.problem, config, [AdaptationConfig(name) for name in features])
    names = np.unique(plan.units.participant[plan.apart]).tolist()
    development = [str(name).removeprefix(f"{external.test}/") for name in names]
    if not development:
        raise UserError(f"no development person of {external.test!r} has labelled units: nobody to learn from")
    cells = rung_cells(ladder, external, development, plan.y, plan.table)
    models = Models(plan)
    kept = testable(plan, models, cells)
    if not kept[cells[0].fold.test].any():
        raise UserError(f"no test person of {external.test!r} has units beside the neutral moment: nothing to test")
    cells = [c._replace(fold=c.fold._replace(test=c.fold.test[kept[c.fold.test]])) for c in cells]
    return Ladder(plan, ladder, cells, models, development, reasons)


def run_cells(out: Path, ladder: Ladder) -> list[Unit]:
    """All cells, those that are finished read and the others made."""
    cells = ladder.cells
    return all_units(out, [cell.name for cell in cells], lambda number: _unit(ladder, cells[number]))


def _unit(ladder: Ladder, cell: RungCell) -> Unit:
    try:
        copies = cell.labelled in (0, len(ladder.development)) and cell.draw == 0
        found, proof = run_rung(ladder.plan, ladder.models, cell, copies=copies)
    except LeakError as error:
        raise RunFailure(f"{cell.name}: leak ({error.reason}): {error}") from error
    if found.findings:
        raise RunFailure(f"{cell.name}: leak ({found.findings[0].reason}): {found.findings[0].text}")
    table = pd.DataFrame(found.table).assign(rung=cell.rung, labelled=cell.labelled)
    return Unit(table, {"proof": proof, "parameters": found.parameters})


def finish(out: Path, ladder: Ladder, inputs: Inputs, units: Sequence[Unit], more: dict[str, Any]) -> None:
    """Writes predictions, parameters and, last, `results.json`; then the units are not needed any more."""
    plan = ladder.plan
    table = pd.concat([unit.table for unit in units], ignore_index=True)
    table = table.assign(protocol=plan.name(), system=inputs.system)
    found = population_results(table, plan, inputs, len(ladder.development))
    tested = set(table["participant"])
    wanted = [size for size in ladder.config.labelled if isinstance(size, int) and size > 0]
    counts = {
        "development_people": len(ladder.development),
        "participants_tested": len(tested),
        "test_units": len(ladder.cells[0].fold.test),
        "training_people": len(np.unique(plan.units.participant[ladder.cells[0].fold.train])),
        "units_cut_for_the_neutral_moment": int(plan.cut.sum()),
    }
    results = {
        **found,
        "shift": shift_page(plan, inputs, table),
        "labels": [
            {"labelled": size, "there": size in sizes(ladder.config, len(ladder.development))} for size in wanted
        ],
        "counts": {**inputs.counts, **counts},
        "untested": inputs.untested,
        "skipped": ladder.skipped,
        "audit": {"cells": len(units), "findings": []},
        "proof": [unit.about["proof"] for unit in units],
        "described": inputs.described,
        **more,
    }
    learned = [{"cell": u.about["proof"]["fold"], "learned": json.dumps(u.about["parameters"])} for u in units]
    names = [label(key) for key in zip(table["rung"], table["labelled"], strict=True)]
    write_table(out / runs.PREDICTIONS, table.assign(adaptation=names, k=0))
    write_table(out / runs.PARAMETERS, pd.DataFrame(learned))
    write_json(out / runs.RESULTS, results)
    shutil.rmtree(out / FOLDER)
