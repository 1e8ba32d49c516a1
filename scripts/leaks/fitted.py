"""Leaks through something that was fitted on what is tested: preprocessing, choices, calibration, reference."""

from collections.abc import Callable

import numpy as np
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import balanced_accuracy_score
from sklearn.preprocessing import StandardScaler

from personalize.cohorts.columns import texts
from personalize.protocols.audit import audit
from personalize.protocols.base import Fold
from personalize.protocols.neutral import label_zero, minus_neutral
from personalize.protocols.personal import Session
from personalize.protocols.seen import Recorded, saw
from personalize.protocols.units import read_units
from scripts.leaks.seeds import Case, Outcome, concordance, later
from scripts.leaks.world import World

ALPHAS = np.logspace(-2, 5, 8)


def over_folds(world: World, name: str, predict: Callable[[Fold], tuple[np.ndarray, object]]) -> Outcome:
    """Concordance of `predict(fold)`, which also gives the record of what it fitted, audited as `name`."""
    units, truth, prediction, findings = read_units(world.table), [], [], []
    for fold in later(world):
        predicted, fitted = predict(fold)
        truth.append(world.y[fold.test])
        prediction.append(predicted)
        findings += audit(fold, units, fitted={name: fitted})
    return Outcome(concordance(truth, prediction), findings)


def transformer(world: World, name: str, what: object, x: np.ndarray, label: str) -> Case:
    """A transformer fitted on train, or on train and test."""

    def predict(fold: Fold, rows: np.ndarray) -> tuple[np.ndarray, object]:
        fitted = Recorded(what).fit(x[rows], world.y[rows], groups=world.table.iloc[rows])
        head = Ridge(10.0).fit(fitted.transform(x[fold.train]), world.y[fold.train])
        return head.predict(fitted.transform(x[fold.test])), fitted

    honest = over_folds(world, name, lambda fold: predict(fold, fold.train))
    leaky = over_folds(world, name, lambda fold: predict(fold, np.union1d(fold.train, fold.test)))
    return Case(label, name, "CCC", honest, leaky)


def scaler(world: World, empty: World) -> Case:
    """Ratings standardised person by person; the one tested by the scaler of all others, or by that of the test."""
    person, y = texts(world.table, "participant"), world.y[:, None]
    own = np.concatenate([StandardScaler().fit_transform(y[person == p]) for p in dict.fromkeys(person.tolist())])

    def predict(fold: Fold, rows: np.ndarray) -> tuple[np.ndarray, object]:
        fitted = Recorded(StandardScaler()).fit(y[rows], groups=world.table.iloc[rows])
        head = Ridge(10.0).fit(world.x[fold.train], own[fold.train, 0])
        back = fitted.estimator_.inverse_transform(head.predict(world.x[fold.test])[:, None])
        return back[:, 0], fitted

    honest = over_folds(world, "scaler", lambda fold: predict(fold, fold.train))
    leaky = over_folds(world, "scaler", lambda fold: predict(fold, fold.test))
    return Case("ratings scaled by the test units", "scaler", "CCC", honest, leaky)


def pca(world: World, empty: World) -> Case:
    """What comes of it may have either sign (Moscovich and Rosset, JRSS B 2022, 84:1474)."""
    return transformer(world, "PCA", PCA(6, random_state=0), world.x, "PCA fitted on train and test")


def selector(world: World, empty: World) -> Case:
    noise = np.random.default_rng(2).normal(size=(len(empty.y), 2000))
    best = SelectKBest(f_regression, k=20)
    return transformer(empty, "selector", best, noise, "features selected on train and test")


def _head(world: World, fold: Fold, alpha: float = 10.0) -> np.ndarray:
    return Ridge(alpha).fit(world.x[fold.train], world.y[fold.train]).predict(world.x)


def calibration(world: World, empty: World) -> Case:
    """An affine map from prediction to rating."""

    def predict(fold: Fold, rows: np.ndarray) -> tuple[np.ndarray, object]:
        predicted = _head(world, fold)[:, None]
        line = LinearRegression().fit(predicted[rows], world.y[rows])
        return line.predict(predicted[fold.test]), saw(world.table.iloc[rows])

    honest = over_folds(world, "calibration", lambda fold: predict(fold, fold.train))
    leaky = over_folds(world, "calibration", lambda fold: predict(fold, fold.test))
    return Case("calibrated on the test units", "calibration", "CCC", honest, leaky)


def early_stopping(world: World, empty: World) -> Case:
    """The regularisation path, stopped where the error on some people is least: training ones, or the tested one."""

    def predict(fold: Fold, rows: np.ndarray) -> tuple[np.ndarray, object]:
        learn = np.setdiff1d(fold.train, rows)
        path = np.stack([_head(world, fold._replace(train=learn), alpha) for alpha in ALPHAS])
        best = int(((path[:, rows] - world.y[rows]) ** 2).mean(axis=1).argmin())
        return path[best, fold.test], saw(world.table.iloc[rows])

    def others(fold: Fold) -> np.ndarray:
        people = world.table["participant"].to_numpy()[fold.train]
        return fold.train[np.isin(people, np.unique(people)[:5])]

    honest = over_folds(world, "early stopping", lambda fold: predict(fold, others(fold)))
    leaky = over_folds(world, "early stopping", lambda fold: predict(fold, fold.test))
    return Case("stopped on the test units", "early stopping", "CCC", honest, leaky)


def threshold(world: World, empty: World) -> Case:
    """The cut of the prediction that counts as pain; score: balanced accuracy."""
    pain, units = world.y > 0, read_units(world.table)

    def run(seen: Callable[[Fold], np.ndarray]) -> Outcome:
        said, truth, findings = [], [], []
        for fold in later(world):
            predicted, rows = _head(world, fold), seen(fold)
            cuts = np.quantile(predicted[rows], np.linspace(0, 1, 41))
            right = [((predicted[rows] > cut) == pain[rows]).mean() for cut in cuts]
            said.append(predicted[fold.test] > cuts[int(np.argmax(right))])
            truth.append(pain[fold.test])
            findings += audit(fold, units, fitted={"threshold": saw(world.table.iloc[rows])})
        return Outcome(float(balanced_accuracy_score(np.concatenate(truth), np.concatenate(said))), findings)

    honest, leaky = run(lambda fold: fold.train), run(lambda fold: fold.test)
    return Case("threshold chosen on the test units", "threshold", "balanced accuracy", honest, leaky)


def reference(world: World, empty: World) -> Case:
    """Features as differences to the units with the least ratings: of the first recording, or of the tested one."""
    units = read_units(world.table)
    level = np.array([np.quantile(world.y[units.recording == r], 0.2) for r in units.recording.tolist()])
    times = units.participant, units.recording, units.t0, units.t1
    everyone, second = np.ones(len(units), bool), units.sequence == 1

    def run(offered: np.ndarray) -> Outcome:
        neutral = label_zero(*times, everyone, world.y - level, offered, second)
        x, truth, prediction, findings = minus_neutral(world.x, neutral), [], [], []
        for fold in Session().folds(None, groups=world.table):
            head = Ridge(10.0).fit(x[fold.train], world.y[fold.train])
            truth.append(world.y[fold.test])
            prediction.append(head.predict(x[fold.test]))
            findings += audit(fold, units, reference=neutral.reference)
        return Outcome(concordance(truth, prediction), findings)

    return Case("neutral by label in the test", "neutral reference", "CCC", run(~second), run(second))


def no_record(world: World, empty: World) -> Case:
    honest = over_folds(world, "head", lambda fold: (_head(world, fold)[fold.test], saw(world.table.iloc[fold.train])))
    leaky = over_folds(world, "head", lambda fold: (_head(world, fold)[fold.test], Ridge()))
    return Case("a fitted thing without a record", "no record", "CCC", honest, leaky)


FITTED = (scaler, pca, selector, threshold, calibration, early_stopping, reference, no_record)
