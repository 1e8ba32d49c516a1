"""`wince personalize`: from a cohort and features to one model per person, and what it is worth."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from personalize.cohorts.development import development_people
from personalize.config import PersonalizeConfig
from personalize.evaluation.claims import ClaimConfig
from personalize.evaluation.rows import RowError, check_rows
from personalize.protocols.plan import Job, Plan, outer_folds
from pipelines.configuration import to_json
from pipelines.personalization import results as rows
from pipelines.personalization.claims import check_claims, check_unchanged, claim_rows, register
from pipelines.personalization.folds import cells_of, run_fold
from pipelines.personalization.inputs import Inputs, encoder_name, read_inputs, read_source
from pipelines.personalization.people import save_people, save_population
from pipelines.personalization.store import FOLDER, Unit, all_units, write_table
from pipelines.personalization.text import format_results
from pipelines.personalization.truth import truth_entries
from pipelines.run_folder import environment, first_difference, write_json
from pretrain.errors import RunFailure, UserError

FEATURES = "features"
"""Where a run that embeds keeps features; they are there before anything else."""
CONFIG, RESULTS, PREDICTIONS, PARAMETERS = "config.json", "results.json", "predictions.parquet", "parameters.parquet"


def personalize(
    config: PersonalizeConfig,
    *,
    cohort: Path,
    features: Path | None,
    out: Path,
    private: Path | None = None,
    train_cohort: Path | None = None,
    train_features: Path | None = None,
    development: Path | None = None,
) -> int:
    """Runs the config on a cohort and writes the run folder `out`; the same command again goes on, or changes nothing.

    `features` is a `features.parquet`, or None for a cohort that has its own `*_features.tsv`; `private` is the key
    file that hides the names in it. With `train_cohort` the models are trained on that cohort and tested on `cohort`.
    People whom the file `development` lists are not tested.
    Returns the exit code; raises `UserError` for a mistake in the inputs, and then writes nothing, `RunFailure` for a
    leak.
    """
    source = read_source(cohort, features, private)
    train = None
    if train_cohort is not None:
        if (features is None) != (train_features is None):
            raise UserError("--features and --train-features go together: each cohort has features of its own")
        train = read_source(train_cohort, train_features, private)
    elif train_features is not None:
        raise UserError("--train-features needs --train-cohort")
    aside = development is not None or config.population is not None
    apart = development_people(source.cohort, development) if aside else frozenset()
    return evaluate(config, read_inputs(config, source, train, apart), out)


def evaluate(config: PersonalizeConfig, inputs: Inputs, out: Path, begin: Callable[[], dict[str, Any]] = dict) -> int:
    """Makes the run folder, or goes on in it; `begin` is called before anybody is tested and adds to the results."""
    if config.population is not None:
        from pipelines.population import evaluate_population

        return evaluate_population(config, inputs, out, begin)
    config = replace(config, target=inputs.target)
    record = {"config": to_json(config), "inputs": inputs.record}
    if is_done(out, record):
        shutil.rmtree(out / FOLDER, ignore_errors=True)
        print(f"{out} is done already")
    else:
        plan = Plan(inputs.problem, config, cells_of(config))
        check_claims(config, plan.problem.metric_kind(), inputs.system)
        folds = list(outer_folds(plan.jobs()))
        open_folder(out, record, config.claims)
        more = begin()
        units = run_folds(out, plan, folds, encoder_name(inputs))
        more |= {"people": save_population(out, plan, encoder_name(inputs))}
        finish(out, plan, inputs, units, more, record if config.claims else None)
    print(format_results(json.loads((out / RESULTS).read_text())))
    return 0


def run_folds(out: Path, plan: Plan, folds: Sequence[tuple[str, list[Job]]], encoder: str | None = None) -> list[Unit]:
    """The units of all folds, those that are finished read and the others made, one after the other.

    With `encoder`, the name of what made the features, the models of those who are tested are kept too.
    """
    keep = None if encoder is None else partial(save_people, out, encoder=encoder)
    return all_units(out, [name for name, _ in folds], lambda number: run_fold(plan, folds[number][1], keep))


def finish(
    out: Path,
    plan: Plan,
    inputs: Inputs,
    units: Sequence[Unit],
    more: dict[str, Any],
    claimed: dict[str, Any] | None = None,
) -> None:
    """Writes predictions, parameters and, last, `results.json`; then the units are not needed any more.

    `more` are further entries of the results; `claimed` is the record under which the run's claims were written down,
    None where they are not to be answered.
    """
    table = ordered(pd.concat([unit.table for unit in units], ignore_index=True), units)
    table = table.assign(protocol=plan.name(), system=inputs.system)
    kind, seed, draws = plan.problem.metric_kind(), plan.config.seed, plan.config.draws
    about = rows.About(
        cohort=inputs.cohort,
        train_cohort=inputs.train_cohort,
        protocol=plan.name(),
        leaky=plan.leaky(),
        target=inputs.target,
        kind=kind,
        threshold=None if plan.problem.kind.name == "class" else plan.config.threshold,
        seeds=plan.seeds(),
        marks={key: marks for unit in units for key, marks in unit.about["marks"].items()},
        draws=draws,
        seed=seed,
    )
    found: dict[str, Any] = {
        "metrics": rows.metric_rows(table, about),
        "comparisons": rows.comparison_rows(table, about),
        "intervals": rows.all_intervals(table, about),
        "coverage": rows.coverage_rows(table, about),
        "claims": [] if claimed is None else claim_rows(out, plan.config, claimed, table, about),
        "harmed": rows.harmed_rows(table, about, rows.delta_of(plan.config.harm, table, kind)),
        "target": {"name": inputs.target, "kind": plan.problem.kind.name, "metrics": kind,
                   "classes": list(plan.problem.kind.classes)},
        "counts": {**inputs.counts, **counts(plan, table)},
        "labels": label_counts(plan, table),
        "untested": {**inputs.untested, **without_test(plan, table)},
        "skipped": {name: reason for unit in units for name, reason in unit.about["skipped"].items()},
        "audit": {"folds": len(units), "findings": [f for unit in units for f in unit.about["findings"]]},
        "proof": [unit.about["proof"] for unit in units],
        "described": inputs.described,
        **truth_entries(table, plan, inputs, about),
        **more,
    }  # fmt: skip
    try:
        check_rows(found["metrics"])
    except RowError as error:
        raise RunFailure(str(error)) from error
    write_table(out / PREDICTIONS, table)
    write_table(out / PARAMETERS, parameters(units))
    write_json(out / RESULTS, found)
    shutil.rmtree(out / FOLDER)


def ordered(table: pd.DataFrame, units: Sequence[Unit]) -> pd.DataFrame:
    """Adaptation by adaptation, as the first fold has them, then fold by fold."""
    first = units[0].table
    keys = list(dict.fromkeys(zip(first["adaptation"], first["k"], strict=True)))
    place = {key: i for i, key in enumerate(keys)}
    position = [place.setdefault(key, len(place)) for key in zip(table["adaptation"], table["k"], strict=True)]
    return table.iloc[np.argsort(position, kind="stable")].reset_index(drop=True)


def parameters(units: Sequence[Unit]) -> pd.DataFrame:
    """What was learned for every fold and cell, as JSON; `participant` is the fold, which mostly is one person."""
    found = [
        {"participant": unit.about["proof"]["fold"], **each, "learned": json.dumps(each["learned"])}
        for unit in units
        for each in unit.about["parameters"]
    ]
    return pd.DataFrame(found, columns=["participant", "adaptation", "k", "seed", "learned"])


def counts(plan: Plan, table: pd.DataFrame) -> dict[str, int]:
    """How many people and units are tested."""
    people, tested = plan.units.participant, set(table["participant"])
    apart = set(people[plan.apart].tolist())
    alone = [len(set(plan.units.recording[people == name].tolist())) == 1 for name in sorted(tested)]
    most = label_counts(plan, table)[-1]
    first = table[(table["adaptation"] == "none") & (table["seed"] == table["seed"].min())]
    return {
        "participants_tested": len(tested),
        "participants_without_test_units": len(_without(plan, tested)),
        "participants_with_fewer_than_k_labels": most["fewer"],
        "participants_with_one_recording": sum(alone),
        "test_units": len(first),
        "units_cut_for_the_neutral_moment": int(plan.cut.sum()),
        **({"development_people_not_tested": len(apart)} if apart else {}),
    }


def label_counts(plan: Plan, table: pd.DataFrame) -> list[dict[str, int]]:
    """For every k how many of the people tested have as many labels (of every class) to give, in the first draw."""
    people, found = plan.units.participant, []
    for k in plan.ks:
        given = plan.roles(k, 0)[0]
        fewer = 0
        for name in sorted(set(table["participant"])):
            own = given & (people == name)
            classes = np.unique(plan.y) if plan.per_class else [None]
            fewer += any(int((own & (plan.y == c)).sum() if c is not None else own.sum()) < k for c in classes)
        found.append({"k": k, "people": table["participant"].nunique(), "fewer": fewer})
    return found


def without_test(plan: Plan, table: pd.DataFrame) -> dict[str, str]:
    """People with units who are not tested, and why."""
    names = _without(plan, set(table["participant"]))
    reason = "no units are left after the calibration pool, the purge gap and the neutral moment"
    return {name: f"{int((plan.units.participant == name).sum())} units; {reason}" for name in names}


def _without(plan: Plan, tested: set[str]) -> list[str]:
    if plan.problem.external:
        return []
    return [name for name in np.unique(plan.units.participant[~plan.apart]).tolist() if name not in tested]


def is_done(out: Path, record: dict[str, Any]) -> bool:
    """Whether `out` holds this run to its end; False where it is begun or not there.

    Raises `UserError` when it holds another one, or something else.
    """
    before = recorded(out)
    if before is None:
        return False
    check_unchanged(out, before, record)
    if different := first_difference(before, json.loads(json.dumps(record))):
        raise UserError(f"{out} belongs to another run: {different}; choose another --out, or repeat its command")
    return (out / RESULTS).is_file()


def recorded(out: Path) -> dict[str, Any] | None:
    """The record of the run in `out`; None where nothing is there yet. Raises `UserError` for something else."""
    if not out.exists() or (out.is_dir() and all(entry.name == FEATURES for entry in out.iterdir())):
        return None
    if not (out / CONFIG).is_file():
        raise UserError(f"{out} is neither empty nor a run of `wince personalize`: choose another --out")
    return json.loads((out / CONFIG).read_text())


def open_folder(out: Path, record: dict[str, Any], claims: Sequence[ClaimConfig] = ()) -> None:
    """Makes the run folder (0700) with the claims, its config last, so that a folder with a config is a run."""
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (out / CONFIG).is_file():
        write_json(out / "environment.json", environment())
        register(out, claims, record)
        write_json(out / CONFIG, record)
