"""One cell of a study: a model (or all baselines) under one protocol with one seed, in all its folds."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from personalize.adaptation.base import Prediction
from personalize.adaptation.personal import make_head
from personalize.evaluation import baselines
from personalize.evaluation.baselines import BASELINES
from personalize.protocols.audit import Finding, audit, audit_fitted, proof
from personalize.protocols.base import Fold
from personalize.protocols.neutral import ORACLE, TRANSDUCTIVE, Neutral
from personalize.protocols.tables import answer_columns, unit_columns
from personalize.studies.config import Slot, Study
from personalize.studies.data import Data
from personalize.studies.fitting import Asked, Setting, train_and_ask
from personalize.studies.models import Model
from personalize.studies.splits import fits_of, folds_of, neutral_of, protocol_of
from pretrain.errors import UserError

PERMUTED = ("permuted_within", "permuted_across")
PRIOR = "participant_prior"
MOST_COMPARED = 20_000
"""Rows in which copies are looked for."""
THUMBNAIL = 8
"""Side of the pictures in which they are looked for."""


class Found(NamedTuple):
    """What became of a cell."""

    columns: list[dict[str, np.ndarray]]
    """Tables of predictions, a fold and adaptation each."""
    findings: list[tuple[str, Finding]]
    """What the audit found in what was fitted, and where."""
    skipped: dict[str, str]
    """Baselines that are not there, and why."""


class Bench(NamedTuple):
    """A study's data under one protocol: what all its cells share."""

    study: Study
    data: Data
    slot: Slot
    folds: list[Fold]
    neutral: Neutral
    """Where references are taken from."""
    findings: list[tuple[str, Finding]]
    """What the audit found in the partition itself, and in the references that go with it."""
    made: dict[Any, Any]
    """What is trained once for several models."""

    def setting(self, seed: int) -> Setting:
        """What fits are given."""
        return Setting(self.data, self.study.labels, self.neutral, self.slot.fitted_on_all, seed, self.made)

    def proofs(self) -> list[dict[str, Any]]:
        """Who is in which part of every fold."""
        return [proof(fold, self.data.units) for fold in self.folds]


def bench(study: Study, data: Data, slot: Slot, made: dict[Any, Any]) -> Bench:
    """The audited folds of a protocol; units that share time with an honest neutral moment are tested under none.

    `made` keeps what is trained, for all protocols of the same data.

    Raises `UserError` where the data do not allow the protocol.
    """
    cut = np.zeros(len(data.units), bool)
    if any(model.reference is not None for model in study.models.values()):
        cut = neutral_of(study.honest[0].neutral, data).overlapping[data.valid]
    models = [study.models[name] for name in slot.models or study.models]
    own = any(model.learns_from == "own" or model.tuned is not None for model in models)
    folds, neutral = folds_of(slot, data, cut, own=own), neutral_of(slot.neutral, data)
    taken = any(model.reference is not None for model in models) and not neutral.oracle
    findings = _partition(data, folds, neutral.reference if taken else None, protocol_of(slot, data).gap(data.units))
    return Bench(study, data, slot, folds, neutral, findings, made)


def is_leaky(slot: Slot, data: Data) -> bool:
    """Whether a slot's numbers carry the word."""
    return protocol_of(slot, data).leaky or slot.fitted_on_all


def marks_of(at: Bench, model: Model) -> list[str]:
    """Words that go with a model's numbers beside LEAKY."""
    words = at.neutral.marks() if model.reference is not None else ()
    return [word for word in (ORACLE, TRANSDUCTIVE) if word in words or (word == TRANSDUCTIVE and model.per_person)]


def run_model(at: Bench, name: str, seed: int) -> Found:
    """A model in all folds with one seed."""
    model = at.study.models[name]
    asked = train_and_ask(model, fits_of(model, at.folds, at.data, seed), at.setting(seed))
    columns, findings = [], []
    for fit, prediction, _ in asked:
        columns.append(_table(at, fit.fold, fit.test, prediction, name, model.labels_used(), fit.labels, seed))
    for number, fold in enumerate(at.folds):
        fitted = [each.fitted for each in asked if each.fit.fold == number]
        findings += [(name, found) for found in _audited(at.data, fold, fitted)]
    return Found(columns, _different(findings), {})


def run_baselines(at: Bench, permuted: bool) -> Found:
    """All baselines in all folds; those of permuted labels only if asked for, as they train the first model anew."""
    columns, findings, skipped = [], [], {}
    for number, fold in enumerate(at.folds):
        for name, function in BASELINES.items():
            if name in PERMUTED and not permuted:
                skipped[name] = "not trained in this size"
            if name in skipped:
                continue
            records: list[dict[str, Any]] = []
            answer = _answer(function, _asked_of(at, fold, records))
            if isinstance(answer, str):
                skipped[name] = answer
                continue
            columns.append(_table(at, number, fold.test, answer, name, 0, 0, 0))
            findings += [(name, found) for found in _audited(at.data, fold, records)]
        columns += _prior(at, number, fold)
    whole = [table for table in columns if len(table["truth"]) and table["adaptation"][0] not in skipped]
    return Found(whole, _different(findings), skipped)


def _answer(function: baselines.Baseline, setting: baselines.Setting) -> Prediction | str:
    """A baseline's answer, or why there is none, such as too few people to fit it on."""
    try:
        return function(setting)
    except UserError as error:
        return str(error)


def _asked_of(at: Bench, fold: Fold, records: list[dict[str, Any]]) -> baselines.Setting:
    """What a baseline may look at; `records` is filled with what is fitted for it."""
    data, table = at.data, at.data.columns
    x = data.x.rows()[:, 0] if table else np.arange(len(data.units), dtype=float)[:, None]

    def fitted(some: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"]) -> Any:
        if some is x:
            return lambda asked: _of_first(at, fold, y, records)
        head = make_head("class" if data.kind.name == "class" else "number", len(data.kind.classes) or None)
        people = data.units.participant
        tested = [] if is_leaky(at.slot, data) else np.unique(people[fold.test]).tolist()
        head.fit(some[fold.train], y[fold.train], data.units.take(fold.train), held_out=tested)
        records.append({"population model": head})
        return head.predict

    return baselines.Setting(
        x=x,
        columns=table,
        y=data.target,
        participant=data.units.participant,
        recording=data.units.recording,
        t0=data.units.t0,
        since=data.rows.since_begin()[data.valid],
        ordered=True,
        train=fold.train,
        test=fold.test,
        classes=len(data.kind.classes),
        fitted=fitted,
        seed=0,
    )


def _of_first(at: Bench, fold: Fold, y: Float[np.ndarray, "n"], records: list[dict[str, Any]]) -> Prediction:
    """The test of a fold by the study's first model, trained on other labels."""
    width = len(at.data.heads)
    labels = np.where(np.isfinite(at.data.y[:, :width]), y[:, None], np.nan)
    beside = np.full((len(y), at.data.y.shape[1] - width), np.nan)
    data = replace(at.data, y=np.concatenate([labels, beside], axis=1), target=y)
    model = next(iter(at.study.models.values()))
    setting = at.setting(0)._replace(data=data, made={})
    asked = train_and_ask(model, fits_of(model, [fold], data, 0), setting)
    records += [each.fitted for each in asked]
    return _in_order(asked, fold.test)


def _in_order(asked: Sequence[Asked], test: Int[np.ndarray, "t"]) -> Prediction:
    """Predictions of several fits as one, in the order of the test."""
    rows = np.concatenate([each.fit.test for each in asked])
    place = np.argsort(rows)[np.searchsorted(np.sort(rows), test)]
    value, se, probability = zip(*(each.prediction for each in asked), strict=True)
    shares = None if probability[0] is None else np.concatenate(probability)[place]
    return Prediction(np.concatenate(value)[place], np.concatenate(se)[place], shares)


def _prior(at: Bench, number: int, fold: Fold) -> list[dict[str, np.ndarray]]:
    """What a person's own earlier labels are worth without a face; nothing where the protocol gives none."""
    data, found = at.data, []
    person = data.units.participant
    seen = np.union1d(fold.train, fold.calibration)
    for name in np.unique(person[fold.test]):
        own, test = seen[person[seen] == name], fold.test[person[fold.test] == name]
        if not len(own):
            return []
        prediction = baselines.constant(data.target[own], len(test), len(data.kind.classes))
        found.append(_table(at, number, test, prediction, PRIOR, 0, len(own), 0))
    return found


def _table(
    at: Bench, fold: int, test: Int[np.ndarray, "t"], prediction: Prediction, name: str, k: int, labels: int, seed: int
) -> dict[str, np.ndarray]:
    data = at.data
    units = data.units.take(test)
    columns = {
        **unit_columns(units, data.target[test], prediction),
        "labels": labels,
        **answer_columns(data.kind.classes, data.target[test], prediction, 0.5),
        "adaptation": name,
        "k": k,
        "fold": at.folds[fold].name,
        "seed": seed,
    }
    return {key: np.broadcast_to(np.asarray(column), len(test)) for key, column in columns.items()}


def _partition(
    data: Data, folds: Sequence[Fold], reference: Bool[np.ndarray, "n"] | None, gap: float
) -> list[tuple[str, Finding]]:
    """What the audit finds before anything is fitted; in rows, as a neutral moment may lie where there is no label."""
    x, found = _thumbnails(data), []
    for fold in folds:
        found += audit(_in_rows(fold, data), data.rows, x=x, reference=reference, purge=gap)
    return _different([("partition", each) for each in found])


def _audited(data: Data, fold: Fold, fitted: Sequence[dict[str, Any]]) -> list[Finding]:
    """What the audit finds in what has been fitted."""
    things = {f"{name}" if not i else f"{name} {i}": t for i, each in enumerate(fitted) for name, t in each.items()}
    return audit_fitted(_in_rows(fold, data), data.rows, things)


def _in_rows(fold: Fold, data: Data) -> Fold:
    return Fold(fold.name, *(data.valid[some] for some in (fold.train, fold.calibration, fold.test)))


def _thumbnails(data: Data) -> Float[np.ndarray, "n d"] | None:
    """Few numbers of every row, in which copies show; None where there are too many rows to compare."""
    if len(data.rows) > MOST_COMPARED:
        return None
    some = data.pool[data.places[:, 0]]
    if some.dtype != np.uint8:
        return some.reshape(len(some), -1)
    grey = some if some.ndim == 3 else some.mean(axis=-1).astype(np.uint8)
    small = [cv2.resize(each, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).ravel() for each in grey]
    return np.array(small, dtype=float)


def _different(findings: list[tuple[str, Finding]]) -> list[tuple[str, Finding]]:
    return list(dict.fromkeys(findings))
