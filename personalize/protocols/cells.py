"""One cell of a comparison: who is left out (fold), which labels (seed), how they are used (adaptation), how many (k).

A cell yields a table of predictions and the records of everything that was fitted for it, which the leak audit
compares with what is tested. The cells of one fold share their population models.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from personalize.adaptation.base import Adaptation, Head, Prediction
from personalize.adaptation.names import parts
from personalize.adaptation.personal import make_adaptation, make_head
from personalize.adaptation.reach import reaches_of
from personalize.config import AdaptationConfig, LabelZero, LowestPredicted
from personalize.evaluation.baselines import BASELINES, Setting
from personalize.protocols.audit import Finding, assert_clean, audit, audit_fitted, proof
from personalize.protocols.events import Recalibration, event_columns, recalibrate
from personalize.protocols.plan import Job, Plan, labels_of, outer_folds
from personalize.protocols.steps import Step, audited_fold, normalised, raw, referenced
from personalize.protocols.tables import answer_columns, unit_columns
from pretrain.errors import UserError


class Cell(NamedTuple):
    """What became of one adaptation at one k in one fold and draw."""

    table: dict[str, np.ndarray]
    """Columns: participant, recording, track, onset, seconds, truth, prediction, se, labels, event_probability,
    event_recalibrated, event_cut, fold, seed; for classes also their names, a probability of each, and of two the cut.
    """
    findings: list[Finding]
    parameters: dict[str, Any]
    """What was learned, as far as it is small."""


class Population(NamedTuple):
    """A population model, and on which units of the fold's training people it was fitted."""

    head: Head
    rows: Int[np.ndarray, "a"]
    calibration: Recalibration | None
    """Of a target with events: probabilities corrected and called by what was seen of the training people."""
    reach: dict[str, float]
    """Of predictive intervals of numbers, by what was seen of the training people; see `adaptation.reach`."""


class Models:
    """The population models of one fold, each fitted once for all its cells and draws."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._found: dict[tuple[Any, ...], Population] = {}
        self._priors: dict[AdaptationConfig, Adaptation] = {}
        self._steps: dict[tuple[Any, ...], Step] = {}

    def step(self, job: Job, features: str, k: int) -> Step:
        """The features of an adaptation; of one draw after the other, so that few are kept."""
        by_label = features == "reference" and isinstance(self.plan.config.neutral, LabelZero)
        key = (features, job.seed, k if by_label else 0)
        if key not in self._steps:
            self._steps = {old: step for old, step in self._steps.items() if old[1] == job.seed or old[0] == ""}
            self._steps[key] = self._step(job, features, k)
        return self._steps[key]

    def _step(self, job: Job, features: str, k: int) -> Step:
        plan = self.plan
        if features == "":
            return raw(plan)
        if features == "reference":
            lowest = isinstance(plan.config.neutral, LowestPredicted)
            return referenced(plan, job, k, self._predicted(job) if lowest else None)
        return normalised(plan, job, every=features == "normalise_all")

    def population(self, job: Job, step: Step) -> Population:
        """The model of the fold's training people on these features."""
        if step.key not in self._found:
            self._found[step.key] = self.fitted(job, step.x[self.plan.valid], self.plan.y)
        return self._found[step.key]

    def with_prior(self, job: Job, step: Step, cell: AdaptationConfig) -> Adaptation:
        """An adaptation whose prior is learned on the training people, as in the first draw; not fitted to anybody."""
        if cell not in self._priors:
            plan, population = self.plan, self.population(job, step)
            rows, x = population.rows, step.x[self.plan.valid]
            calibration, test = plan.roles(cell.k, 0)
            options = {"components": plan.config.components, "room": plan.longest(cell.k)}
            model = make_adaptation(cell.name, plan.problem.model_kind(), **options)
            self._priors[cell] = model.learn_prior(
                x[rows],
                plan.y[rows],
                plan.units.take(rows),
                calibration=calibration[rows],
                test=test[rows],
                start=population.head,
            )
        return copy.copy(self._priors[cell])

    def kept(self, name: str, make: Callable[[], Population]) -> Population:
        """A model that is made once in a fold."""
        key = ("baseline", name)
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]

    def fitted(self, job: Job, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"]) -> Population:
        """A population model fitted to features and labels of all units; training units without features are left."""
        plan = self.plan
        train = job.train[np.isfinite(x[job.train]).all(axis=1)]
        if (left := len(np.unique(plan.units.participant[train]))) < 2:
            raise UserError(
                f"{left} training people of fold {job.outer!r} have a neutral moment; it takes two at least"
            )
        tested = [] if plan.leaky() else np.unique(plan.units.participant[job.test]).tolist()
        head = make_head(plan.problem.model_kind(), len(plan.problem.kind.classes) or None)
        units, weight = plan.units.take(train), plan.rows.weight[plan.valid][train]
        head.fit(x[train], y[train], units, held_out=tested, sample_weight=weight)
        calibration = recalibrate(head.left_out_, y[train], plan.config.threshold, units)
        return Population(head, train, calibration, reaches_of(head.left_out_, y[train], units.participant))

    def _predicted(self, job: Job) -> Float[np.ndarray, "n"]:
        """Every row by the model without reference; training people's units as if they had not been seen."""
        plan, out = self.plan, np.full(len(self.plan.rows.y), np.nan)
        population = self.population(job, raw(plan))
        good = np.flatnonzero(np.isfinite(plan.rows.x).all(axis=1))
        out[good] = level(population.head.predict(plan.rows.x[good]))
        out[plan.valid[population.rows]] = level(population.head.left_out_)
        return out


def level(prediction: Prediction) -> Float[np.ndarray, "n"]:
    """A number that rises with what is predicted: the expected code for classes."""
    if prediction.probability is None:
        return prediction.value
    return prediction.probability @ np.arange(prediction.probability.shape[1])


def predict_all(plan: Plan) -> pd.DataFrame:
    """The predictions of all cells in all folds, adaptation by adaptation; no baselines.

    Raises `LeakError` for the first finding of the audit, unless the protocol is a leaky one.
    """
    tables: dict[AdaptationConfig, list[pd.DataFrame]] = {cell: [] for cell in plan.cells}
    for _, jobs in outer_folds(plan.jobs()):
        models = Models(plan)
        for job in jobs:
            assert_clean(audit_fold(plan, models, job, plan.cells)[1], plan.protocol)
            for cell in plan.cells:
                found = run_cell(plan, models, job, cell)
                assert_clean(found.findings, plan.protocol)
                tables[cell].append(pd.DataFrame(found.table).assign(adaptation=cell.name, k=cell.k))
    return pd.concat([part for parts in tables.values() for part in parts], ignore_index=True)


def run_cell(plan: Plan, models: Models, job: Job, cell: AdaptationConfig) -> Cell:
    """Fits and predicts one cell, and audits it."""
    step = models.step(job, parts(cell.name).features, cell.k)
    population = models.population(job, step)
    model = adapted(plan, models, step, job, cell)
    prediction = predict(plan, models, model, step, job)
    fitted = {"population model": population.head, "adaptation": model}
    if population.calibration is not None:
        fitted["calibration"] = population.calibration
    findings = audit_fitted(job.fold(cell.k), plan.units, fitted)
    table = table_of(plan, job, cell.k, prediction, population.calibration, getattr(model, "reach_", {}))
    return Cell(table, findings, small(model))


def adapted(plan: Plan, models: Models, step: Step, job: Job, cell: AdaptationConfig) -> Adaptation:
    """The adaptation, fitted to the labels of those who are tested."""
    x, own = step.x[plan.valid], job.calibration[cell.k]
    own = own[np.isfinite(x[own]).all(axis=1)]
    model = models.with_prior(job, step, cell)
    return model.fit(x[own], plan.y[own], plan.units.take(own), start=models.population(job, step).head)


def predict(plan: Plan, models: Models, model: Adaptation, step: Step, job: Job) -> Prediction:
    """The test units by the adapted model; those without features after the step by the population model without it."""
    x = step.x[plan.valid][job.test]
    usable = np.isfinite(x).all(axis=1)
    if usable.all():
        return model.predict(x, plan.units.take(job.test))
    start = raw(plan)
    found = models.population(job, start).head.predict(start.x[plan.valid][job.test])
    if usable.any():
        own = model.predict(x[usable], plan.units.take(job.test[usable]))
        for whole, some in zip(found, own, strict=True):
            if whole is not None:
                whole[usable] = some
    return found


def table_of(
    plan: Plan, job: Job, k: int, prediction: Prediction, fitted: Recalibration | None, reach: dict[str, float]
) -> dict[str, np.ndarray]:
    """Predictions of a cell's test units, a row each."""
    units, people = plan.units.take(job.test), plan.units.participant
    used = {name: labels_of(name, people, job.calibration[k]) for name in np.unique(units.participant).tolist()}
    columns = unit_columns(units, plan.y[job.test], prediction)
    columns |= {"labels": [used[name] for name in units.participant.tolist()]}
    cut = 0.5 if fitted is None else fitted.cut
    columns |= answer_columns(plan.problem.kind.classes, columns["truth"], prediction, cut)
    columns |= event_columns(prediction, plan.config.threshold, fitted)
    columns |= {**reach, "fold": job.outer, "seed": job.seed}
    return {name: np.broadcast_to(np.asarray(column), len(job.test)) for name, column in columns.items()}


def run_baseline(plan: Plan, models: Models, job: Job, name: str) -> Cell | str:
    """One baseline in one fold and draw, or why there is none."""
    units, calibration, reach, fitted = plan.units, None, {}, {}

    def fit(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], Prediction]:
        nonlocal calibration, reach
        population = models.kept(name, lambda: models.fitted(job, x, y))
        fitted["population model"], calibration, reach = population.head, population.calibration, population.reach
        return population.head.predict

    setting = Setting(
        x=plan.rows.x[plan.valid],
        columns=plan.problem.columns,
        y=plan.y,
        participant=units.participant,
        recording=units.recording,
        t0=units.t0,
        since=plan.since,
        ordered=plan.problem.ordered,
        train=job.train,
        test=job.test,
        classes=len(plan.problem.kind.classes),
        fitted=fit,
        seed=plan.config.seed,
    )
    prediction = BASELINES[name](setting)
    if isinstance(prediction, str):
        return prediction
    table = table_of(plan, job, 0, prediction, calibration, reach)
    return Cell(table, audit_fitted(job.fold(0), units, fitted), {})


def audit_fold(plan: Plan, models: Models, job: Job, cells: Sequence[AdaptationConfig]) -> tuple[dict, list[Finding]]:
    """The partition proof of a fold and its findings beside those of single cells: copies, neutral moments, steps."""
    most = max(job.calibration)
    fold = job.fold(most)
    gap = plan.protocol.gap(plan.units)
    x = plan.rows.x[plan.valid] if plan.draw_of(job) == 0 else None  # a copy is one in every draw
    findings = [f for k in plan.ks for f in audit(job.fold(k), plan.units, x=x if k == most else None, purge=gap)]
    wide = audited_fold(plan, job)
    for features, k in dict.fromkeys((parts(a.name).features, a.k) for a in cells):
        step = models.step(job, features, k)
        fitted = {} if step.seen is None else {features: step.seen}
        if features and (fitted or step.reference is not None):
            findings += audit(wide, plan.row_units, fitted=fitted, reference=step.reference, purge=gap)
    return proof(fold, plan.units), findings


def marks_of(plan: Plan, models: Models, job: Job, cell: AdaptationConfig) -> tuple[str, ...]:
    """Words that go with the numbers of an adaptation beside those of the protocol."""
    return models.step(job, parts(cell.name).features, cell.k).marks


def small(model: Any) -> dict[str, Any]:
    """What a model has learned, of single numbers and short lists; by participant where it keeps one for each."""
    found = {}
    for name, value in sorted(vars(model).items()):
        if name.endswith("_") and not name.startswith("_") and (plain := _plain(value)) is not None:
            found[name] = plain
    return found


def _plain(value: Any, most: int = 32) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)  # JSON has no number for it
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= most else None
    if isinstance(value, dict) and value:
        plain = {str(key): _plain(each) for key, each in value.items()}
        return None if any(each is None for each in plain.values()) else plain
    if isinstance(value, tuple) and value and all(isinstance(each, float | int) for each in value):
        return [_plain(each) for each in value]
    return None
