"""Whose rows a regime learns from, and what it never sees."""

from dataclasses import replace

import numpy as np
import pytest

from personalize.protocols.config import RandomFrameConfig
from personalize.studies.config import Slot
from personalize.studies.splits import fits_of, folds_of
from pretrain.errors import UserError
from tests.support.studies import BLOCKED, LINEAR, QUICK, made_data

NOTHING_CUT = np.zeros(240, bool)


def folds(slot=BLOCKED, data=None, cut=NOTHING_CUT):
    data = data or made_data()
    return data, folds_of(slot, data, cut)


def people(data, rows):
    return set(data.units.participant[rows].tolist())


def test_other_people_only():
    data, found = folds()
    fits = fits_of(LINEAR, found, data, 0)
    assert len(fits) == 2
    for fit in fits:
        assert not people(data, fit.learn) & people(data, fit.test)
        assert fit.labels == 0


def test_own_units_only_and_a_training_each():
    data, found = folds()
    fits = fits_of(replace(LINEAR, learns_from="own"), found, data, 0)
    assert sorted(next(iter(people(data, fit.test))) for fit in fits) == sorted(people(data, slice(None)))
    for fit in fits:
        assert people(data, fit.learn) == people(data, fit.test)
        for name in np.unique(data.units.recording[fit.test]):
            seen = data.units.t1[fit.learn[data.units.recording[fit.learn] == name]]
            asked = data.units.t0[fit.test[data.units.recording[fit.test] == name]]
            assert seen.max() + 1 <= asked.min()  # a purge gap as long as a unit
        assert fit.labels == len(fit.learn)


def test_everybody_is_the_union_of_both():
    data, found = folds()
    whole = fits_of(replace(LINEAR, learns_from="everybody"), found, data, 0)
    for fit, fold in zip(whole, found, strict=True):
        assert set(fit.learn.tolist()) == set(fold.train.tolist()) | set(fold.calibration.tolist())


def test_k_of_every_class_to_tune_on():
    data, found = folds()
    for fit in fits_of(replace(LINEAR, tuned=3, tuning=QUICK), found, data, 0):
        values, counts = np.unique(data.target[fit.tune], return_counts=True)
        assert values.tolist() == [0, 1]
        assert counts.tolist() == [3, 3]
        assert people(data, fit.tune) == people(data, fit.test)
        assert fit.labels == 6


def test_as_few_as_one_person_has():
    data, found = folds()
    one = fits_of(replace(LINEAR, like_one=True), found, data, 0)
    assert all(len(fit.learn) == 40 for fit in one)
    again = fits_of(replace(LINEAR, like_one=True), found, data, 1)
    assert not np.array_equal(one[0].learn, again[0].learn)


def test_own_units_under_a_leaky_protocol():
    data, found = folds(Slot(RandomFrameConfig(n_splits=2)))
    fits = fits_of(replace(LINEAR, learns_from="own"), found, data, 0)
    assert len(fits) == 12
    assert all(people(data, fit.learn) == people(data, fit.test) for fit in fits)
    assert not any(set(fit.learn.tolist()) & set(fit.test.tolist()) for fit in fits)


def test_nobody_without_own_units():
    data, found = folds(Slot(BLOCKED.protocol))
    alone = [found[0]._replace(calibration=found[0].calibration[:0])]
    with pytest.raises(UserError, match="no units to learn from before"):
        fits_of(replace(LINEAR, learns_from="own"), alone, data, 0)


def test_who_has_nothing_before_the_test_is_not_tested_where_that_is_needed():
    data = made_data()
    kept = np.flatnonzero((data.units.participant != "sub-02") | (np.arange(240) == 85))  # one unit of sub-02
    fewer = replace(
        data, places=data.places[kept], rows=data.units.take(kept), valid=np.arange(len(kept)),
        units=data.units.take(kept), y=data.y[kept], target=data.target[kept],
    )  # fmt: skip
    slot, nothing_cut = Slot(RandomFrameConfig(n_splits=2)), np.zeros(len(kept), bool)
    tested = {
        own: set().union(*(people(fewer, fold.test) for fold in folds_of(slot, fewer, nothing_cut, own=own)))
        for own in (False, True)
    }
    assert tested[False] - tested[True] == {"sub-02"}
    assert len(tested[True]) == 5


def test_what_is_cut_is_tested_by_nobody():
    cut = np.zeros(240, bool)
    cut[::3] = True
    _, found = folds(cut=cut)
    assert not any(cut[fold.test].any() for fold in found)
    with pytest.raises(UserError, match="no unit is left"):
        folds(cut=np.ones(240, bool))
