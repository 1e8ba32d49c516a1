"""One cell: what is fitted, on whose units, and what the audit says of it."""

from dataclasses import replace

import numpy as np
import pytest

from personalize.config import AdaptationConfig, LabelZero, LowestPredicted, PersonalizeConfig
from personalize.evaluation.baselines import BASELINES
from personalize.protocols import steps
from personalize.protocols.cells import Models, audit_fold, predict_all, run_baseline, run_cell
from personalize.protocols.config import GroupKFoldConfig, KShotConfig
from personalize.protocols.leakage import LeakError
from personalize.protocols.plan import Plan
from pretrain.errors import UserError
from tests.personalize.protocols.cell_worlds import table_world


def plan(problem, *adaptations, **options) -> Plan:
    cells = [AdaptationConfig(*a) if isinstance(a, tuple) else AdaptationConfig(a) for a in adaptations]
    return Plan(problem, PersonalizeConfig(adaptations=tuple(cells), **options), cells)


def predictions(*args, **options):
    return predict_all(plan(*args, **options))


def test_all_people_of_a_fold_at_once_are_as_one_by_one():
    """A training set is told apart from the tested ones, not the tested ones from each other."""
    problem = table_world()
    found = plan(problem, ("ridge", 3), protocol=KShotConfig(people="group_kfold", n_splits=2))
    models = Models(found)
    job = found.jobs()[0]
    together = run_cell(found, models, job, found.cells[0]).table
    for person in np.unique(together["participant"]):
        mine = found.units.participant == person
        alone = job._replace(
            test=job.test[mine[job.test]], calibration={k: own[mine[own]] for k, own in job.calibration.items()}
        )
        one = run_cell(found, Models(found), alone, found.cells[0]).table
        some = together["participant"] == person
        np.testing.assert_allclose(one["prediction"], together["prediction"][some], rtol=1e-9)
        np.testing.assert_allclose(one["se"], together["se"][some], rtol=1e-9)


def test_draws_share_the_population_and_not_the_labels():
    table = predictions(table_world(ordered=False), "none", ("ridge", 2), ("normalise", 0))
    none = table.query("adaptation == 'none'").groupby(["participant", "onset"])["prediction"]
    assert none.nunique().max() == 1  # to the bit
    assert none.count().max() > 5
    for name in ("ridge", "normalise"):
        varied = table.query("adaptation == @name").groupby(["participant", "onset"])["prediction"].nunique()
        assert varied.max() > 1, name


@pytest.mark.parametrize("features", ["normalise", "reference", "normalise_all"])
def test_test_labels_change_no_prediction(features):
    """And, but for the transductive step, no other test unit's features do."""
    problem = table_world()
    found = plan(problem, features, (f"{features}+ridge", 2))
    job = next(job for job in found.jobs() if job.outer == "sub-03")
    rows = problem.rows
    x, y = rows.x.copy(), rows.y.copy()
    y[job.test] = 77.0
    x[job.test[1:]] = 5.0
    changed = plan(replace(problem, rows=replace(rows, x=x, y=y)), features, (f"{features}+ridge", 2))
    for cell in found.cells:
        before, after = (run_cell(p, Models(p), job, cell).table for p in (found, changed))
        same = before["prediction"][0] == after["prediction"][0]
        assert same == (features != "normalise_all"), cell


def test_a_step_that_looks_at_the_test_is_caught(monkeypatch):
    found = plan(table_world(), "normalise")
    job = found.jobs()[0]
    assert not audit_fold(found, Models(found), job, found.cells)[1]
    monkeypatch.setattr(steps, "_quiet", lambda plan, draw: np.ones(len(plan.rows.y), bool))
    leaks = audit_fold(found, Models(found), job, found.cells)[1]
    assert [leak.reason for leak in leaks][-1] == "normalise"
    assert "6 of 6 test units" in leaks[-1].text or "test unit" in leaks[-1].text


def test_transductive_and_oracle_steps_say_so():
    problem = table_world()
    for neutral, k, words in (
        (LowestPredicted(), 0, ("transductive",)),
        (LabelZero(zero=-0.5, oracle=True), 3, ("ORACLE",)),
        (LabelZero(zero=-0.5), 3, ()),
    ):
        found = plan(problem, ("reference", k), neutral=neutral)
        assert Models(found).step(found.jobs()[0], "reference", k).marks == words
    found = plan(problem, "normalise_all")
    assert Models(found).step(found.jobs()[0], "normalise_all", 0).marks == ("transductive",)


def test_someone_without_a_neutral_moment_gets_the_model_without_reference():
    problem = table_world(seed=1)
    never = problem.rows.participant == "sub-00"
    problem = replace(problem, rows=replace(problem.rows, y=problem.rows.y + 99.0 * never))
    table = predictions(problem, "none", ("reference", 6), neutral=LabelZero(zero=0.5))
    none, reference = (table[table["adaptation"] == name] for name in ("none", "reference"))
    same = none["prediction"].to_numpy() == reference["prediction"].to_numpy()
    np.testing.assert_array_equal(same, none["participant"] == "sub-00")


def test_nobody_with_a_neutral_moment_is_refused():
    with pytest.raises(UserError, match="0 training people of fold 'sub-00' have a neutral moment"):
        predictions(table_world(), ("reference", 1), neutral=LabelZero(zero=-99.0))


def test_lowest_predicted_is_blind_to_labels_of_the_person():
    problem = table_world()
    found = plan(problem, "reference", neutral=LowestPredicted(count=2))
    job = found.jobs()[2]
    mine = problem.rows.participant == job.outer
    other = replace(problem, rows=replace(problem.rows, y=np.where(mine, -problem.rows.y, problem.rows.y)))
    changed = plan(other, "reference", neutral=LowestPredicted(count=2))
    a, b = (Models(p).step(job, "reference", 0).x for p in (found, changed))
    np.testing.assert_array_equal(a[mine], b[mine])


def test_a_near_copy_of_a_person_fails_before_anything_is_predicted():
    problem = table_world()
    x, y = problem.rows.x.copy(), problem.rows.y.copy()
    x[:12], y[:12] = x[12:24] + 1e-6, y[12:24]
    with pytest.raises(LeakError, match=r"5 of its 5 rows are in 'sub-01'"):
        predictions(replace(problem, rows=replace(problem.rows, x=x, y=y)), "none")


def test_baselines_are_fitted_once_in_a_fold_and_audited(monkeypatch):
    found = plan(table_world(ordered=False), "none")
    models, fits = Models(found), []
    honest = models.fitted
    monkeypatch.setattr(models, "fitted", lambda *args: (fits.append(1), honest(*args))[1])
    for job in found.jobs()[:3]:
        for name in BASELINES:
            cell = run_baseline(found, models, job, name)
            assert isinstance(cell, str) or not cell.findings
    assert len(fits) == 2  # permuted within and across; nothing else is fitted without an order
    assert run_baseline(found, models, found.jobs()[0], "elapsed_time") == "the rows have no order in time"


def test_classes_keep_their_names_and_their_cut_comes_from_training_people():
    problem = table_world(classes=2)
    found = plan(problem, "none", ("participant_prior", 1))
    models, job = Models(found), found.jobs()[0]
    table = run_cell(found, models, job, found.cells[0]).table
    assert set(table["truth_class"]) == {"a", "b"}
    np.testing.assert_allclose(table["p_a"] + table["p_b"], 1)
    np.testing.assert_array_equal(table["prediction"], table["p_b"])
    called = np.where(table["p_b"] >= table["cut"], "b", "a")
    np.testing.assert_array_equal(table["prediction_class"], called)
    mine = problem.rows.participant == job.outer
    other = plan(
        replace(problem, rows=replace(problem.rows, y=np.where(mine, 1 - problem.rows.y, problem.rows.y))), "none"
    )
    assert run_cell(other, Models(other), job, other.cells[0]).table["cut"][0] == table["cut"][0]


def test_an_adaptation_that_a_kind_lacks_is_refused_by_name():
    found = plan(table_world(classes=3), ("isotonic", 1))
    with pytest.raises(UserError, match="isotonic"):
        run_cell(found, Models(found), found.jobs()[0], found.cells[0])


def test_group_folds_test_everybody_once():
    table = predictions(table_world(), "none", protocol=GroupKFoldConfig(n_splits=3))
    assert len(table) == 72
    assert table.groupby("fold")["participant"].nunique().tolist() == [2, 2, 2]
