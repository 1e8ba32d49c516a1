"""Leave one subject out, adapt to them, predict their later units."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from personalize.adaptation.names import parts
from personalize.adaptation.personal import PERSONAL
from personalize.adaptation.reference import minus_reference
from personalize.cohorts.joining import Rows
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.heads.ridge import RidgeHead
from personalize.protocols.kshot import Blocks, blocked, calibration_units
from personalize.protocols.leakage import assert_disjoint
from pretrain.errors import UserError

PROTOCOL = "loso_kshot_blocked"
FEWEST = 3
"""With fewer labelled people the head's strength cannot be chosen on two others."""


class Fold(NamedTuple):
    """One held-out participant; masks over all units."""

    participant: str
    train: Bool[np.ndarray, "n"]
    test: Bool[np.ndarray, "n"]


def predict_left_out(rows: Rows, config: PersonalizeConfig) -> tuple[pd.DataFrame, dict[str, int]]:
    """Predicts every participant's test units by models that saw the others, and up to k of their own labels.

    One row per unit and adaptation: participant, recording, track, onset, truth, prediction, fold, protocol,
    adaptation, k. The units are the same for all adaptations. Also counts who could not be tested or fell short
    of k. Raises `UserError` when there are too few people or nothing to test.
    """
    keep = rows.valid
    units = take(rows, keep)
    blocks = blocked(units.participant, units.sequence, units.t0, units.t1, config.pool_share, config.purge_seconds)
    _check_enough(units, blocks)
    tables = []
    for referenced in (False, True):
        wanted = [a for a in config.adaptations if parts(a.name).referenced == referenced]
        if wanted:
            x = _referenced(rows, config.reference_seconds)[keep] if referenced else units.x
            tables += [_predict_fold(units, x, blocks, fold, wanted, config) for fold in folds(units, blocks)]
    order = {(a.name, a.k): i for i, a in enumerate(config.adaptations)}
    table = pd.concat(tables, ignore_index=True)
    position = [order[key] for key in zip(table["adaptation"], table["k"], strict=True)]
    table = table.assign(position=position).sort_values(["position", "fold"], kind="stable")
    return table.drop(columns="position").reset_index(drop=True), _counts(units, blocks, config)


def folds(units: Rows, blocks: Blocks) -> Iterator[Fold]:
    """One fold per participant who has test units."""
    for person in np.unique(units.participant[blocks.test]):
        theirs = units.participant == person
        yield Fold(str(person), ~theirs, theirs & blocks.test)


def take(rows: Rows, keep: Bool[np.ndarray, "n"]) -> Rows:
    """The rows where `keep` is true."""
    return Rows(**{name: values[keep] for name, values in vars(rows).items()})


def _predict_fold(
    units: Rows,
    x: Float[np.ndarray, "n d"],
    blocks: Blocks,
    fold: Fold,
    adaptations: list[AdaptationConfig],
    config: PersonalizeConfig,
) -> pd.DataFrame:
    train, test, people = fold.train, fold.test, units.participant
    head = RidgeHead().fit(
        x[train], units.y[train], people[train], held_out=[fold.participant], sample_weight=units.weight[train]
    )
    tables = []
    for adaptation in adaptations:
        chosen = calibration_units(people, units.t0, units.t1, blocks.pool, adaptation.k)
        own = chosen & ~train
        assert_disjoint(unit_ids(units, own), unit_ids(units, test), what="unit")
        model = PERSONAL[parts(adaptation.name).personal](config.components)
        model.learn_prior(
            x[train],
            units.y[train],
            people[train],
            calibration=chosen[train],
            test=blocks.test[train],
            start=head,
        )
        assert_disjoint(model.prior_participants_, [fold.participant])
        model.fit(x[own], units.y[own], people[own], start=head)
        columns = {
            "participant": people[test],
            "recording": units.recording[test],
            "track": units.track[test],
            "onset": units.t0[test],
            "truth": units.y[test],
            "prediction": model.predict(x[test], people[test]),
        }
        constant = {"fold": fold.participant, "protocol": PROTOCOL}
        tables.append(pd.DataFrame(columns).assign(**constant, adaptation=adaptation.name, k=adaptation.k))
    return pd.concat(tables, ignore_index=True)


def unit_ids(units: Rows, mask: Bool[np.ndarray, "n"]) -> list[str]:
    """Names of units: recording, track, onset."""
    columns = (units.recording[mask], units.track[mask], units.t0[mask])
    return [f"{recording}#{track}@{t0}" for recording, track, t0 in zip(*columns, strict=True)]


def _referenced(rows: Rows, seconds: float) -> Float[np.ndarray, "n d"]:
    usable = np.asarray(np.isfinite(rows.x).all(axis=1))
    return minus_reference(rows.x, rows.recording, rows.t0, rows.t1, usable, seconds)


def _check_enough(units: Rows, blocks: Blocks) -> None:
    people = len(np.unique(units.participant))
    if people < FEWEST:
        raise UserError(f"{people} participants have labelled units; leaving one out needs at least {FEWEST}")
    if not blocks.test.any():
        raise UserError("no participant has units after the calibration pool and the purge gap: nothing to test")


def _counts(units: Rows, blocks: Blocks, config: PersonalizeConfig) -> dict[str, int]:
    people = set(np.unique(units.participant))
    tested = set(np.unique(units.participant[blocks.test]))
    most = max(adaptation.k for adaptation in config.adaptations)
    pool = [int((blocks.pool & (units.participant == person)).sum()) for person in tested]
    return {
        "participants_tested": len(tested),
        "participants_without_test_units": len(people - tested),
        "participants_with_fewer_than_k_labels": sum(size < most for size in pool),
        "participants_with_one_recording": sum(
            bool((units.sequence[units.participant == p] == units.sequence[units.participant == p][0]).all())
            for p in tested
        ),
        "test_units": int(blocks.test.sum()),
    }
