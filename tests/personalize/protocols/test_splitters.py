"""The protocols as scikit-learn splitters: who and what is in train, calibration and test."""

from collections import Counter
from itertools import islice

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_val_score

from personalize.protocols.audit import audit, proof
from personalize.protocols.base import marked
from personalize.protocols.leaky import Mixed, RandomFrame, RandomWindow
from personalize.protocols.people import External, FixedSplit, GroupKFold, Loso
from personalize.protocols.personal import Blocked, KShot, Session
from personalize.protocols.registry import PROTOCOLS, make_protocol
from personalize.protocols.units import read_units
from pretrain.errors import UserError


def a_table(people=5, recordings=2, units=8, cohort=""):
    rows = [
        {"participant": f"sub-{p}", "recording": f"sub-{p}/ses-{s}", "sequence": s, "t0": 1.0 * u, "t1": u + 1.0}
        for p in range(people)
        for s in range(recordings)
        for u in range(units)
    ]
    return pd.DataFrame(rows).assign(cohort=cohort)


TABLE = a_table()
Y = np.random.default_rng(0).normal(size=len(TABLE))
X = np.random.default_rng(1).normal(size=(len(TABLE), 3))
TWO = pd.concat([a_table(4, cohort="A"), a_table(6, cohort="B")], ignore_index=True)
EVERY = [
    Loso(),
    GroupKFold(3, seed=1),
    FixedSplit(2),
    FixedSplit(("sub-1",)),
    KShot(3),
    KShot(2, order=False),
    KShot(1, people=GroupKFold(2)),
    KShot(1, people=None),
    Blocked(),
    Blocked(people=FixedSplit(1)),
    Session(),
    Session(people=None),
    RandomFrame(4),
    RandomWindow(2.0, 4),
    Mixed(2),
]


def everything(protocol, table=TABLE, y=Y):
    return list(protocol.folds(None, y, table))


@pytest.mark.parametrize("protocol", EVERY, ids=marked)
def test_habits_of_scikit_learn(protocol):
    twin = clone(protocol)
    assert type(twin) is type(protocol)
    assert repr(twin) == repr(protocol)
    pairs, folds = list(protocol.split(X, Y, TABLE)), everything(twin)
    assert len(pairs) == protocol.get_n_splits(X, Y, TABLE) == len(folds)
    for (train, test), fold in zip(pairs, folds, strict=True):
        np.testing.assert_array_equal(train, np.union1d(fold.train, fold.calibration))
        np.testing.assert_array_equal(test, fold.test)
        parts = np.concatenate([fold.train, fold.calibration, fold.test])
        assert len(np.unique(parts)) == len(parts)
        assert len(test) > 0
    scores = cross_val_score(Ridge(), X, Y, groups=TABLE, cv=protocol, scoring="neg_mean_absolute_error")
    assert np.isfinite(scores).all()
    assert len(scores) == len(folds)


@pytest.mark.parametrize("protocol", EVERY, ids=marked)
def test_the_audit_passes_honest_protocols_and_names_leaky_ones(protocol):
    units = read_units(TABLE)
    found = [
        finding.reason for fold in everything(protocol) for finding in audit(fold, units, purge=protocol.gap(units))
    ]
    assert bool(found) == protocol.leaky
    assert marked(protocol).endswith("LEAKY") == protocol.leaky
    if protocol.leaky:
        assert "shared participant" in found


def test_loso_is_scikit_learns():
    ours, theirs = Loso().split(X, Y, TABLE), LeaveOneGroupOut().split(X, Y, TABLE["participant"])
    for (train, test), (train_, test_) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(train, train_)
        np.testing.assert_array_equal(test, test_)
    search = GridSearchCV(Ridge(), {"alpha": [1.0, 9.0]}, cv=Loso()).fit(X, Y, groups=TABLE["participant"].to_numpy())
    assert search.n_splits_ == 5


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 30), min_size=3, max_size=25), st.integers(2, 3), st.integers(0, 99))
def test_folds_of_people_are_balanced(sizes, n_splits, seed):
    who = np.repeat(np.arange(len(sizes)), sizes).astype(str)
    tests = [fold.test for fold in GroupKFold(n_splits, seed).folds(None, None, who)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(who)))
    people = [len(set(who[test])) for test in tests]
    units = [len(test) for test in tests]
    assert sum(people) == len(sizes)  # nobody in two folds
    assert max(people) - min(people) <= 1
    assert max(units) - min(units) <= max(sizes)


def test_the_seed_deals_the_people():
    who = np.arange(12).astype(str)
    deals = {tuple(np.concatenate([f.test for f in GroupKFold(4, s).folds(None, None, who)])) for s in range(20)}
    assert len(deals) > 15
    repeated = [tuple(f.test) for f in GroupKFold(4, 3).folds(None, None, who)]
    assert repeated == [tuple(f.test) for f in GroupKFold(4, 3).folds(None, None, who)]


def test_a_fixed_split_by_name_and_by_position():
    (fold,) = everything(FixedSplit(2))
    assert set(TABLE["participant"][fold.test]) == {"sub-3", "sub-4"}
    (fold,) = everything(FixedSplit((" SUB-1",), train=("sub-0", "sub-2")))
    assert set(TABLE["participant"][fold.test]) == {"sub-1"}
    assert set(TABLE["participant"][fold.train]) == {"sub-0", "sub-2"}


def test_external_is_frozen_then_recalibrated_and_tests_the_same_units():
    frozen, again = everything(External("A", "B", ("sub-4", "sub-5"), labelled=1, seed=1), TWO, None)
    who = TWO["cohort"] + TWO["participant"]
    assert set(TWO["cohort"][frozen.train]) == {"A"}
    assert set(who[frozen.test]) == {"Bsub-0", "Bsub-1", "Bsub-2", "Bsub-3"}
    np.testing.assert_array_equal(frozen.test, again.test)
    np.testing.assert_array_equal(frozen.train, again.train)
    assert len(frozen.calibration) == 0
    assert len(set(who[again.calibration])) == 1
    assert set(who[again.calibration]) <= {"Bsub-4", "Bsub-5"}
    units = read_units(TWO)  # sub-0 of A and sub-0 of B are two people
    assert not audit(frozen, units)
    assert not audit(again, units)
    assert len(everything(External("A", "B"), TWO, None)) == 1
    personal = everything(KShot(2, people=External("A", "B", ("sub-4",))), TWO, None)
    assert [len(fold.calibration) for fold in personal] == [5 * 2, 5 * 2 + 16]


@pytest.mark.parametrize("k", [0, 1, 3])
@pytest.mark.parametrize("recordings", [1, 2, 3])
@pytest.mark.parametrize("order", [True, False])
@pytest.mark.parametrize("per_class", [True, False])
def test_test_units_do_not_depend_on_k(k, per_class, order, recordings):
    table = a_table(2, recordings, 9)
    y = np.random.default_rng(k).integers(0, 3, len(table)).astype(float)
    protocols = [KShot(n, per_class=per_class, order=order) for n in (k, 99)]
    for some, most in islice(zip(*(p.folds(None, y, table) for p in protocols), strict=True), 4):
        np.testing.assert_array_equal(some.test, most.test)
        assert set(some.calibration) <= set(most.calibration)
        if per_class:  # k of each class, or all that the pool has
            pool = Counter(y[most.calibration])
            assert Counter(y[some.calibration]) == Counter({c: min(k, n) for c, n in pool.items() if k})
        else:
            assert len(some.calibration) == min(k, len(most.calibration))
        units = read_units(table)
        assert not audit(some, units, purge=protocols[0].gap(units))


def test_labels_without_order_are_drawn_anew_with_stated_seeds():
    folds = everything(KShot(2, order=False, draws=20, seed=5))
    assert len(folds) == 5 * 20
    assert {fold.name for fold in folds[:5]} == {f"sub-{i}, seed 5" for i in range(5)}
    assert folds[-1].name == "sub-4, seed 24"
    of_one = [tuple(fold.calibration) for fold in folds if fold.name.startswith("sub-1,")]
    assert len(set(of_one)) > 10
    assert KShot(order=False).marks() == ("order: none",)
    with pytest.raises(UserError, match="draws must be 20 or more"):
        everything(KShot(order=False, draws=19))


def test_another_participant_changes_nobody_elses_draw():
    few, more = (everything(KShot(2, order=False), a_table(n), None) for n in (3, 4))
    ours = {fold.name: fold for fold in more}
    for fold in few:
        np.testing.assert_array_equal(fold.calibration, ours[fold.name].calibration)


def test_labels_in_order_are_those_of_the_first_recordings():
    table = a_table(2, 3, 6)
    for first, sessions in ((1, {0}), (2, {0, 1}), (9, {0, 1})):  # the last is always tested
        fold = everything(KShot(99, first=first), table, None)[0]
        assert set(table["sequence"][fold.calibration]) == sessions
        assert set(table["sequence"][fold.test]) == {0, 1, 2} - sessions
    assert {tuple(fold.calibration % 6) for fold in everything(KShot(2), table, None)} == {(1, 4)}


def test_who_falls_short_is_counted_and_stays():
    table = pd.concat([a_table(2, 2, 8), a_table(1, 1, 8).assign(participant="x", recording="x")])
    y = np.r_[np.tile([0, 1], 16), np.zeros(8)]
    assert KShot(2, per_class=True).counts(table, y) == {
        "participants": 3,
        "participants_with_fewer_than_k_labels": 1,  # x has one class only
        "participants_without_test_units": 0,
        "participants_with_one_recording": 1,
    }
    assert len(everything(KShot(2, per_class=True), table, y)) == 3


def test_blocks_keep_the_purge_gap_in_every_recording():
    table = a_table(3, 2, 12).assign(t1=lambda t: t["t0"] + 2.5)
    for protocol, least in ((Blocked(), 2.5), (Blocked(purge=4.0), 4.0), (KShot(purge=3.0), np.inf)):
        for fold in everything(protocol, table, None):
            gap = proof(fold, read_units(table))["smallest_gap_seconds"]
            assert (gap is None) == np.isinf(least)
            assert gap is None or gap >= least
            assert set(table["recording"][fold.test]) <= {f"{fold.name}/ses-0", f"{fold.name}/ses-1"}
    longer = a_table(3, 2, 40).assign(t1=lambda t: t["t0"] + 2.5, label=lambda t: (t["t0"] // 20).astype(int))
    for fold in everything(Blocked(per_class=True), longer, longer["label"].to_numpy()):
        assert proof(fold, read_units(longer))["smallest_gap_seconds"] >= 2.5
        for rows in (fold.calibration, fold.test):  # every class of every recording is on both sides
            assert longer.iloc[rows].groupby("recording")["label"].nunique().tolist() == [2, 2]
    with pytest.raises(UserError, match=r"blocks per class needs labels"):
        everything(Blocked(per_class=True), table, None)
    with pytest.raises(UserError, match=r"purge gap of 1 is shorter than the longest unit, 2\.5"):
        everything(Blocked(purge=1.0), table, None)


def test_later_sessions_are_tested():
    table = a_table(3, 3, 2)
    for fold in everything(Session(2), table, None):
        assert set(table["sequence"][fold.calibration]) == {0, 1}
        assert set(table["sequence"][fold.test]) == {2}
    (known,) = everything(Session(people=None), table, None)
    assert len(known.train) == 0
    assert len(known.calibration) == 6
    with pytest.raises(UserError, match="nobody has units left to test"):
        everything(Session(3), table, None)


def test_roles_of_the_training_people_are_those_of_the_tested():
    calibration, test = KShot(3).roles(TABLE)
    for fold in everything(KShot(3)):
        theirs = (TABLE["participant"] == fold.name).to_numpy()
        np.testing.assert_array_equal(np.flatnonzero(calibration & theirs), fold.calibration)
        np.testing.assert_array_equal(np.flatnonzero(test & theirs), fold.test)


def test_leaky_protocols_leak_what_they_say():
    for fold in everything(RandomWindow(4.0, 5)):  # whole windows, of recordings that are on both sides
        assert (
            Counter(zip(TABLE["recording"][fold.test], TABLE["t0"][fold.test] // 4, strict=True)).most_common()[-1][1]
            == 4
        )
    for fold in everything(Mixed(2)):
        assert set(TABLE["participant"][fold.test]) == set(TABLE["participant"][fold.train])
        assert not set(TABLE["recording"][fold.test]) & set(TABLE["recording"][fold.train])
    assert sorted(len(fold.test) for fold in everything(RandomFrame(3))) == [26, 27, 27]


def test_the_proof_names_people_and_amounts():
    first = everything(Blocked(), a_table(3, 1, 8), None)[0]
    assert proof(first, read_units(a_table(3, 1, 8))) == {
        "fold": "sub-0",
        "train": ["sub-1", "sub-2"],
        "calibration": ["sub-0"],
        "test": ["sub-0"],
        "train_units": 16,
        "calibration_units": 4,
        "test_units": 3,
        "smallest_gap_seconds": 1.0,
    }


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("k_shoot", {}, "unknown protocol 'k_shoot'; did you mean 'k_shot'?"),
        ("k_shot", {"pool_shares": 0.1}, "no option 'pool_shares'; did you mean 'pool_share'?"),
        ("fixed_split", {}, "needs the option 'test'"),
        ("k_shot", {"people": "lso"}, "unknown protocol 'lso'; did you mean 'loso'?"),
    ],
)
def test_the_registry_knows_better(name, options, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        make_protocol(name, **options)


def test_the_registry_has_them_all():
    names = "loso group_kfold fixed_split external k_shot blocked session random_frame random_window mixed"
    assert list(PROTOCOLS) == names.split()
    assert [name for name, kind in PROTOCOLS.items() if kind.leaky] == ["random_frame", "random_window", "mixed"]


@pytest.mark.parametrize(
    ("protocol", "groups", "message"),
    [
        (Loso(), None, "pass groups"),
        (Loso(), ["a"] * 4, "1 participants; protocol 'loso' needs at least 2"),
        (Loso(), ["a", "b", None, "a"], "row 2 of groups has no participant"),
        (GroupKFold(9), TABLE, "5 participants; protocol 'group_kfold' needs at least 9"),
        (FixedSplit(("sub-9x",)), TABLE, "no test participant 'sub-9x'; did you mean 'sub-"),
        (FixedSplit(5), TABLE, "cannot test 5 of 5"),
        (FixedSplit(("sub-1",), ("Sub-1",)), TABLE, "named in train and in test"),
        (External("A", "C"), TWO, "no cohort 'C'"),
        (External("A", "B", tuple(f"sub-{i}" for i in range(6))), TWO, "nobody is left to test"),
        (External("A", "B", ("sub-1",), labelled=2), TWO, "labelled=2 of 1"),
        (Blocked(), ["a", "b"], "'blocked' needs the column 'recording'"),
        (Blocked(), TABLE.assign(t0=np.nan), "needs 't0' of every unit; row 0 has none"),
        (KShot(people=RandomFrame()), TABLE, "'random_frame' does not leave people out"),
        (KShot(per_class=True), TABLE, "k labels per class need y"),
        (KShot(pool_share=1.0), TABLE, "pool_share must lie between 0 and 1"),
        (Mixed(3), TABLE.iloc[:16], "too few recordings for 3 folds"),
    ],
)
def test_what_cannot_be_is_refused(protocol, groups, message):
    with pytest.raises(UserError, match=message):
        list(protocol.folds(None, None, groups))
