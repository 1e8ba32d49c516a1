"""Trains a study's model in all folds at once, and asks it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression

from personalize.adaptation.base import Prediction
from personalize.adaptation.normalise import Normalise
from personalize.heads.indexed import Indexed, against_references
from personalize.heads.network import NetworkHead, fit_together
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.training.losses import Task
from personalize.heads.training.schedule import Training
from personalize.protocols.neutral import Neutral
from personalize.protocols.seen import Recorded
from personalize.studies.config import Labels
from personalize.studies.data import Data
from personalize.studies.models import Bottleneck, Model, Reference
from personalize.studies.pictures import without_face
from personalize.studies.splits import Fit


class Asked(NamedTuple):
    """What a model says of the test of one fit, and everything that was fitted for it, by name."""

    fit: Fit
    prediction: Prediction
    fitted: dict[str, Any]


class Setting(NamedTuple):
    """What all models of a slot share."""

    data: Data
    labels: Labels
    neutral: Neutral
    fitted_on_all: bool
    seed: int
    made: dict[Any, Any]
    """What is trained already, by what it was trained on."""


def train_and_ask(model: Model, fits: Sequence[Fit], at: Setting) -> list[Asked]:
    """Trains a model once for every fit; fits that see the same rows as they are share one program."""
    if model.bottleneck is None and model.select is None:
        return _fitted(model, fits, at, _seen_by(model, at), [{}] * len(fits))
    found = []
    for fit in fits:
        x, fitted = _prepared(model, fit, at)
        found += _fitted(model, [fit], at, x, [fitted])
    return found


def _fitted(
    model: Model, fits: Sequence[Fit], at: Setting, x: Indexed, before: Sequence[dict[str, Any]]
) -> list[Asked]:
    to_learn = x if model.reference is None else _with_references(x, at, model.reference.train, at.seed)
    heads = _trained(model, fits, at, to_learn)
    fitted = [{**some, "network": head} for some, head in zip(before, heads, strict=True)]
    if model.tuning is not None:
        tuned = [_head(model, model.tuning, at) for _ in fits]
        _fit_all(tuned, to_learn, [fit.tune for fit in fits], fits, at, heads)
        heads = tuned
        fitted = [{**some, "tuned network": head} for some, head in zip(fitted, heads, strict=True)]
    to_ask = x if model.reference is None else _with_references(x, at, model.reference.test, None)
    answers = [head.predict(to_ask.take(fit.test)) for head, fit in zip(heads, fits, strict=True)]
    if model.loss is None:
        scores = [head.predict(to_learn.take(fit.learn)).value for head, fit in zip(heads, fits, strict=True)]
        answers = [_in_units(*some, at.data.target) for some in zip(answers, scores, fits, strict=True)]
    return [Asked(*some) for some in zip(fits, answers, fitted, strict=True)]


def _in_units(
    answer: Prediction, scores: Float[np.ndarray, "a"], fit: Fit, target: Float[np.ndarray, "m"]
) -> Prediction:
    """Scores without units as the labels that they come with among what was learnt from (least squares)."""
    truth = target[fit.learn]
    slope, level = np.polyfit(scores, truth, 1) if np.ptp(scores) > 0 else (0.0, truth.mean())
    error = float(np.sqrt(np.mean((truth - level - slope * scores) ** 2)))
    return Prediction(level + slope * answer.value, np.full(len(answer.value), error))


def _trained(model: Model, fits: Sequence[Fit], at: Setting, x: Indexed) -> list[NetworkHead]:
    """A network for every fit: one that was trained on the same units before, for another model or protocol, or new."""
    alike = replace(model, tuned=None, tuning=None)
    rule = at.neutral.reference.tobytes() if model.reference is not None else b""
    same = (alike, at.seed, at.fitted_on_all, rule, at.data.y.tobytes())
    keys = [(*same, fit.learn.tobytes()) for fit in fits]
    new = {key: fit for key, fit in zip(keys, fits, strict=True) if key not in at.made}
    if new:
        heads = [_head(model, model.training, at) for _ in new]
        _fit_all(heads, x, [fit.learn for fit in new.values()], list(new.values()), at)
        at.made.update(zip(new, heads, strict=True))
    return [at.made[key] for key in keys]


def _fit_all(
    heads: Sequence[NetworkHead], x: Indexed, rows: Sequence[Int[np.ndarray, "_"]], fits: Sequence[Fit], at: Setting,
    start: Sequence[NetworkHead] | None = None,
) -> None:  # fmt: skip
    person = at.data.units.participant
    held_out = [set(person[fit.test].tolist()) - set(person[own].tolist()) for fit, own in zip(fits, rows, strict=True)]
    fit_together(heads, x, at.data.y, at.data.units, rows, held_out, start=start)


def _head(model: Model, training: Training, at: Setting) -> NetworkHead:
    """The network with an output for every head or class, and for what is predicted beside."""
    data, tasks = at.data, ()
    if model.loss is not None:
        outputs = len(data.kind.classes) if model.loss == "ce" else len(data.heads)
        tasks = (Task(model.loss, outputs, class_weight="balanced" if model.balanced else None),)
    if model.loss is not None and at.labels.auxiliary:
        tasks += (Task("mse", len(at.labels.auxiliary), float(at.labels.auxiliary_weight)),)
    answer = tuple(range(len(data.heads))) if model.loss in ("mse", "huber") else (0,)
    options = {"least": model.least, "weights": model.weights, "seed": at.seed, "answer": answer}
    return NetworkHead(model.network, tasks, model.pairs, training, **options)


def _with_references(x: Indexed, at: Setting, k: int, seed: int | None) -> Indexed:
    """Every unit followed by k rows of the neutral moment of its recording or person; films are made whole for it."""
    data, neutral = at.data, at.neutral
    if data.places.shape[1] == 1:
        pool, place = x.pool, data.places[:, 0]
    else:
        pool, place = x.pool[data.places], np.arange(len(data.places))
    scope = np.asarray(neutral.scope, dtype=str)
    rest = {name: place[neutral.reference & (scope == name)] for name in np.unique(scope[neutral.reference]).tolist()}
    return against_references(pool, place[data.valid], scope[data.valid], rest, k, seed)


def _seen_by(model: Model, at: Setting) -> Indexed:
    """What does not hang on the fold: some of the columns, features in units of each person, pictures without face."""
    data = at.data
    pool = without_face(data.pool) if model.background else data.pool
    if model.columns:
        pool = pool[:, [data.columns.index(name) for name in model.columns]]
    if model.per_person:
        owner = np.zeros(len(pool), int)
        owner[data.places[:, 0]] = np.arange(len(data.places))
        groups, good = data.rows.take(owner), np.asarray(np.isfinite(pool).all(axis=1))
        pool = Normalise().fit(pool[good], groups=groups.take(good)).transform(pool, groups)
    return Indexed(pool, data.x.index)


def _prepared(model: Model, fit: Fit, at: Setting) -> tuple[Indexed, dict[str, Any]]:
    """What is fitted on the people learnt from (or on everybody, where that is how it was done)."""
    x, fitted = _seen_by(model, at), {}
    if model.bottleneck is not None:
        x, more = _squeezed(model.bottleneck, fit, at, x)
        fitted |= more
    if model.select is not None:
        some = np.arange(len(x)) if at.fitted_on_all else fit.learn
        chosen = Recorded(SelectKBest(f_regression, k=model.select))
        rows = x.rows()[:, 0]
        chosen.fit(rows[some], at.data.target[some], groups=at.data.units.take(some))
        keep = chosen.estimator_.get_support()
        x, fitted = Indexed(x.pool[:, keep], x.index), fitted | {"selector": chosen}
    return x, fitted


def _squeezed(config: Bottleneck, fit: Fit, at: Setting, x: Indexed) -> tuple[Indexed, dict[str, Any]]:
    """Frames as principal components of what a network trained on frames puts out."""
    key = (config, at.seed, at.fitted_on_all, fit.learn.tobytes())
    if key not in at.made:
        at.made[key] = _bottleneck(config, fit, at, x)
    pool, fitted = at.made[key]
    return Indexed(pool, x.index), dict(fitted)


def _bottleneck(
    config: Bottleneck, fit: Fit, at: Setting, x: Indexed
) -> tuple[Float[np.ndarray, "pool d"], dict[str, Any]]:
    data = at.data
    frames = Indexed(x.pool, x.index.reshape(-1, 1))
    per_film = x.index.shape[1]
    units = data.units.take(np.repeat(np.arange(len(x)), per_film))
    y = np.repeat(data.target, per_film)
    learn = np.flatnonzero(np.isin(np.arange(len(frames)) // per_film, fit.learn))
    tested = set(data.units.participant[fit.test].tolist()) - set(data.units.participant[fit.learn].tolist())
    head = NetworkHead(config.network, (Task("ce", len(data.kind.classes)),), (), config.training,
                       weights=config.weights, seed=at.seed)  # fmt: skip
    fit_together([head], frames, y, units, [learn], [tested])
    values = head.outputs(Indexed(x.pool, np.arange(len(x.pool))[:, None]))
    some = np.arange(len(frames)) if at.fitted_on_all else learn
    components = Recorded(PCA(config.components)).fit(values[frames.index[some, 0]], groups=units.take(some))
    return components.transform(values), {"bottleneck": head, "components": components}


def referenced(model: Model) -> Model:
    """The model with a same-person reference that is taken away from the last vectors; one that has one as it is."""
    if model.reference is not None:
        return model
    return replace(model, network=replace(model.network, difference="features"), reference=Reference())


def on_features(model: Model) -> Model:
    """The model with the features of an encoder in place of its own network before the dense layers."""
    difference = "features" if model.network.difference is not None else None
    network = NetworkConfig(dense=model.network.dense, dropout=model.network.dropout, difference=difference)
    training = replace(model.training, freeze=())
    return replace(model, network=network, training=training, bottleneck=None, background=False, weights=None)
