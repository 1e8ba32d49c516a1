"""`head`, `lora` and `full` through the engine: what they leave alone, what is compiled, and what is kept of people."""

import json
import logging
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from personalize.adaptation.files import load_person
from personalize.adaptation.gradient.core import outputs, train
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.protocols.cells import predict_all
from personalize.protocols.plan import Plan, outer_folds
from pipelines.cohort_import import cohort_import
from pipelines.personalization import command, personalize
from pipelines.predicting import predictions
from tests.personalize.protocols.cell_worlds import table_world

pytestmark = pytest.mark.usefixtures("compile_quickly", "few_numbers")
GUARDED = "reference+head+guard"
CELLS = (("head", 0), ("head", 10), (GUARDED, 10))
COLUMNS = ("prediction", "se")


def cells(*some):
    return tuple(AdaptationConfig(*cell) for cell in some)


def unequal(people, seed=0):
    """People of whom one has 24 units, hence ten labels to give, and nobody else more than six."""
    problem = table_world(people=people, units=24, seed=seed)
    later = np.tile(np.arange(24), people) >= np.repeat([10, 24, *[11 + i % 2 for i in range(people - 2)]], 24)
    rows = {name: column[~later] for name, column in vars(problem.rows).items()}
    return replace(problem, rows=replace(problem.rows, **rows))


def plan(problem, *some, **options):
    some = cells(("none",), *some)
    return Plan(problem, PersonalizeConfig(adaptations=some, **options), some)


def compiled():
    return np.array([train._cache_size(), outputs._cache_size()])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run of everything by the command, its predictions, how many programs it has compiled, and what it is of."""
    folder = tmp_path_factory.mktemp("gradient")
    rows = unequal(5).rows
    columns = {f"f{i}": rows.x[:, i] for i in range(3)}
    table = pd.DataFrame({"who": rows.participant, "when": rows.t0, "vas": rows.y, **columns})
    table.to_csv(folder / "table.csv", index=False)
    named = {"participant": "who", "target": "vas", "features": "f?", "order": "when"}
    cohort_import(folder / "table.csv", **named, out=folder / "cohort")
    config = PersonalizeConfig(target=None, threshold=None, adaptations=cells(*CELLS))
    before = compiled()
    assert personalize(config, cohort=folder / "cohort", features=None, out=folder / "run") == 0
    key = pd.read_csv(folder / "cohort_key.tsv", sep="\t").set_index("original")["participant_id"]
    found = pd.read_parquet(folder / "run" / "predictions.parquet")
    return folder / "run", found, (compiled() - before).tolist(), table.assign(who=table["who"].map(key))


def of(found, name, k):
    return found[(found["adaptation"] == name) & (found["k"] == k)].reset_index(drop=True)


def same(a, b, columns=COLUMNS):
    np.testing.assert_array_equal(a[[*columns]], b[[*columns]])


def test_k_0_is_exactly_the_population_and_labels_help(world):
    run, found, _, _ = world
    none, zero, ten = of(found, "none", 0), of(found, "head", 0), of(found, "head", 10)
    same(none, zero)
    assert (none["prediction"] != ten["prediction"]).any()
    error = [np.abs(part["prediction"] - part["truth"]).mean() for part in (none, ten)]
    assert error[1] < 0.9 * error[0]
    learned = pd.read_parquet(run / "parameters.parquet").query("adaptation == 'head'")
    for k, text in zip(learned["k"], learned["learned"], strict=True):
        strength, last = json.loads(text, parse_constant=pytest.fail)["prior_"]
        assert (strength, last) == ("inf", 0) if k == 0 else strength < 100 and last > 0


def test_a_run_is_two_programs_that_train_and_one_that_predicts(world):
    """One for priors and one for people, with and without a guard, although in one fold nobody trained has more than
    eight labels, and in the others somebody has ten.
    """
    _, found, new, _ = world
    most = of(found, "head", 10).groupby("participant")["labels"].first().sort_values()
    assert most.iloc[-2] <= 8 < most.iloc[-1] == 10
    assert new == [2, 1]


def test_another_participant_compiles_nothing(world, caplog):
    before = compiled()
    with jax.log_compiles(), caplog.at_level(logging.WARNING, logger="jax"):
        predict_all(plan(unequal(6, seed=1), *CELLS))
        assert not [record for record in caplog.records if "ompiling" in record.getMessage()]
        jax.jit(lambda x: x * 7 + 2)(np.ones(11))
    assert [record for record in caplog.records if "ompiling" in record.getMessage()]  # it would have been seen
    assert compiled().tolist() == before.tolist()


def test_a_run_that_was_broken_off_goes_on_and_ends_the_same(tmp_path, monkeypatch):
    whole = plan(unequal(4), *CELLS)
    folds, honest, made = list(outer_folds(whole.jobs())), command.run_fold, []

    def breaks(plan, jobs, keep):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(jobs[0].outer)
        return honest(plan, jobs, keep)

    monkeypatch.setattr(command, "run_fold", breaks)
    (tmp_path / "broken").mkdir()
    with pytest.raises(KeyboardInterrupt):
        command.run_folds(tmp_path / "broken", whole, folds)
    monkeypatch.undo()
    (tmp_path / "whole").mkdir()
    for name in ("broken", "whole"):
        command.run_folds(tmp_path / name, whole, folds)
    files = [sorted((tmp_path / name / "cells").iterdir()) for name in ("broken", "whole")]
    assert made == [name for name, _ in folds[:2]]
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(*files, strict=True)] == [True] * 4


def test_a_persons_file_says_of_a_film_what_the_run_said(world):
    run, found, _, table = world
    found = of(found, GUARDED, 10)
    assert {file.stem for file in (run / "people").iterdir()} == {"population", *set(found["participant"])}
    for name, own in found.groupby("participant"):
        person = load_person(run / "people" / f"{name}.safetensors", encoder="table")
        assert person.about["adaptation"] == GUARDED
        clips = table[table["who"] == name].assign(track=0, t0=lambda t: t["when"], t1=lambda t: t["when"] + 1)
        said = predictions(clips.reset_index(drop=True), person, {"kind": "first_seconds", "seconds": 2.0})
        said = said.set_index("t0").loc[own["onset"]]
        np.testing.assert_allclose(said[[*COLUMNS]], own[[*COLUMNS]], rtol=1e-6)


def biased(classes, ordered):
    """Every other person has more of the first class than their features say, the others of the last."""
    problem = table_world(people=5 if ordered else 4, units=24, classes=classes, ordered=ordered)
    x = np.random.default_rng(0).normal(size=problem.rows.x.shape)
    score = 2 * x[:, 0] + np.repeat(np.resize([-1.5, 1.5], len(x) // 24), 24)
    y = np.digitize(score, [0.0] if classes == 2 else [-0.7, 0.7]).astype(float)
    return replace(problem, rows=replace(problem.rows, x=x, y=y))


@pytest.mark.long
@pytest.mark.parametrize(("name", "classes", "ordered"), [("full+guard", 2, True), ("lora", 3, False)])
def test_classes_with_and_without_an_order(name, classes, ordered):
    problem = biased(classes, ordered)
    if not ordered:  # with a single unit, nobody has one to give
        problem.rows.valid[1:24] = False
    found = predict_all(plan(problem, (name, 0), (name, 2)))
    columns = [f"p_{one}" for one in problem.kind.classes]
    np.testing.assert_allclose(found[columns].sum(axis=1), 1)
    none, zero, two = (of(found, *cell) for cell in (("none", 0), (name, 0), (name, 2)))
    same(none, zero, columns)
    alone = two["labels"] == 0
    assert alone.any() != ordered
    same(none[alone], two[alone], columns)
    right = [(part["truth_class"] == part["prediction_class"]).mean() for part in (none, two)]
    assert right[1] > right[0] + 0.05
