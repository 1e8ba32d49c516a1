"""Every kind of leak, seeded: the honest score, the score with the leak, and what the audit finds in both."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsRegressor

from personalize.cohorts.columns import floats, texts
from personalize.protocols.audit import Finding, audit
from personalize.protocols.base import Fold
from personalize.protocols.leaky import RandomFrame
from personalize.protocols.people import Loso
from personalize.protocols.personal import Blocked, Session
from personalize.protocols.units import read_units
from scripts.leaks.world import World, make_world


class Outcome(NamedTuple):
    """Pooled score over the folds, and the findings of all of them."""

    score: float
    findings: list[Finding]


class Case(NamedTuple):
    """A leak, why the audit should name it, and both outcomes."""

    name: str
    reason: str
    metric: str
    honest: Outcome
    leaky: Outcome


def nearest_rows(world: World, folds: Iterable[Fold], *, copies: bool = False, purge: float | None = None) -> Outcome:
    """Concordance of a model that remembers: a rating is that of the three nearest units it has seen."""
    units, truth, prediction, findings = read_units(world.table), [], [], []
    for fold in folds:
        seen = np.concatenate([fold.train, fold.calibration])
        model = KNeighborsRegressor(3, algorithm="kd_tree").fit(world.x[seen], world.y[seen])
        truth.append(world.y[fold.test])
        prediction.append(model.predict(world.x[fold.test]))
        findings += audit(fold, units, x=world.x if copies else None, purge=purge)
    return Outcome(concordance(truth, prediction), findings)


def concordance(truth: list[np.ndarray], prediction: list[np.ndarray]) -> float:
    """Lin's concordance over all folds."""
    t, p = np.concatenate(truth), np.concatenate(prediction)
    return float(2 * np.cov(t, p, ddof=0)[0, 1] / (t.var() + p.var() + (t.mean() - p.mean()) ** 2))


def later(world: World) -> list[Fold]:
    """Leave one out; the second recording is tested and the first is not used at all."""
    folds = Session().folds(None, groups=world.table)
    return [fold._replace(calibration=np.zeros(0, int)) for fold in folds]


def own_recording_in_train(world: World) -> list[Fold]:
    folds = Session().folds(None, groups=world.table)
    return [Fold(f.name, np.union1d(f.train, f.calibration), np.zeros(0, int), f.test) for f in folds]


def loso_of_second(world: World, table: pd.DataFrame) -> list[Fold]:
    """Leave one out by the names in the table; of the people of the world the second recording is tested."""
    tested = np.flatnonzero(np.arange(len(table)) < len(world.table))
    tested = tested[(table["sequence"].to_numpy() == 1)[tested]]
    folds = [fold._replace(test=np.intersect1d(fold.test, tested)) for fold in Loso().folds(None, groups=table)]
    return [fold for fold in folds if len(fold.test)]


def shared_participant(world: World) -> Case:
    leaky = nearest_rows(world, own_recording_in_train(world))
    return Case("the person is in train", "shared participant", "CCC", nearest_rows(world, later(world)), leaky)


def spelling(world: World) -> Case:
    names, session = texts(world.table, "participant"), floats(world.table, "sequence")
    table = world.table.assign(participant=np.where(session == 1, names, np.char.upper(names)))
    leaky = nearest_rows(world._replace(table=table), loso_of_second(world, table))
    honest = nearest_rows(world, later(world))
    return Case("two spellings of one name", "participant spelled differently", "CCC", honest, leaky)


def _with_copies(world: World, noise: float, checksums: bool) -> World:
    """The second recordings once more, under other names."""
    second = (world.table["sequence"] == 1).to_numpy()
    copies = world.table.iloc[np.flatnonzero(second)]
    for column in ("participant", "recording"):
        copies = copies.assign(**{column: np.char.replace(texts(copies, column), "sub-", "sub-9")})
    table = pd.concat([world.table, copies], ignore_index=True)
    if not checksums:
        table = table.drop(columns="checksum")
    moved = world.x[second] + noise * np.random.default_rng(1).normal(size=world.x[second].shape)
    return World(table, np.concatenate([world.x, moved]), np.concatenate([world.y, world.y[second]]))


def same_recording(world: World) -> Case:
    doubled = _with_copies(world, 0.0, checksums=True)
    leaky = nearest_rows(doubled, loso_of_second(world, doubled.table))
    return Case("a recording under two names", "same recording", "CCC", nearest_rows(world, later(world)), leaky)


def near_duplicate(world: World) -> Case:
    doubled = _with_copies(world, 0.005, checksums=False)
    leaky = nearest_rows(doubled, loso_of_second(world, doubled.table), copies=True)
    honest = nearest_rows(world, later(world), copies=True)
    return Case("a recording copied with noise", "near-duplicate", "CCC", honest, leaky)


def _own_only(folds: Iterable[Fold]) -> list[Fold]:
    return [fold._replace(train=np.zeros(0, int)) for fold in folds]


def overlapping_windows(world: World) -> Case:
    """Calibration on even windows, test on odd ones."""
    honest = nearest_rows(world, _own_only(Blocked().folds(None, groups=world.table)))
    number = world.table["t0"].to_numpy() / 1.0
    folds = [
        Fold(f.name, f.train, f.test[number[f.test] % 2 == 0], f.test[number[f.test] % 2 == 1])
        for f in Loso().folds(None, groups=world.table)
    ]
    return Case("windows dealt in turn", "overlapping windows", "CCC", honest, nearest_rows(world, _own_only(folds)))


def purge_gap(world: World) -> Case:
    """Calibration ends where the test begins; each test unit's neighbour has been seen."""
    honest = nearest_rows(world, _own_only(Blocked().folds(None, groups=world.table)))
    t0 = world.table["t0"].to_numpy()
    folds = [
        Fold(f.name, f.train, f.test[t0[f.test] % 6 <= 1], f.test[t0[f.test] % 6 == 3])
        for f in Loso().folds(None, groups=world.table)
    ]
    return Case("no gap in time", "purge gap", "CCC", honest, nearest_rows(world, _own_only(folds)))


def shared_units(world: World) -> Case:
    """What calibrated is tested as well."""
    honest = nearest_rows(world, _own_only(Session().folds(None, groups=world.table)))
    folds = [
        f._replace(test=np.union1d(f.calibration, f.test)) for f in _own_only(Session().folds(None, groups=world.table))
    ]
    return Case("calibration units tested", "shared unit", "CCC", honest, nearest_rows(world, folds))


def random_frames(world: World) -> Case:
    honest = nearest_rows(world, Loso().folds(None, groups=world.table))
    leaky = nearest_rows(world, RandomFrame().folds(None, groups=world.table))
    return Case("frames dealt at random", "shared participant", "CCC", honest, leaky)


def seeded(seed: int = 0) -> list[Case]:
    """All cases, each in the world that shows it."""
    from scripts.leaks.fitted import FITTED

    remembered: list[Callable[[World], Case]] = [
        shared_participant, spelling, same_recording, near_duplicate, overlapping_windows, purge_gap, shared_units,
        random_frames,
    ]  # fmt: skip
    empty, world = make_world(seed=seed), make_world(signal=2.0, seed=seed)
    return [make(empty) for make in remembered] + [make(world, empty) for make in FITTED]


def table(cases: list[Case]) -> str:
    """Markdown: a line per leak."""
    head = ["leak", "score", "honest", "with the leak", "the audit says", "clean run"]
    lines: list[list[Any]] = [head, ["---"] * len(head)]
    for case in cases:
        reasons = list(dict.fromkeys(finding.reason for finding in case.leaky.findings))
        clean = "passes" if not case.honest.findings else f"**{case.honest.findings[0].reason}**"
        scores = f"{case.honest.score:.2f}", f"{case.leaky.score:.2f} LEAKY"
        lines.append([case.name, case.metric, *scores, ", ".join(reasons) or "**nothing**", clean])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
