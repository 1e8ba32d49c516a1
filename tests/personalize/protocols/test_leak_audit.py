"""Seeded leaks: each is caught for its own reason, and clean runs pass."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from personalize.protocols.audit import Finding, assert_clean, audit
from personalize.protocols.leakage import LeakError, assert_disjoint, assert_no_copies, assert_purged, gaps
from personalize.protocols.leaky import RandomFrame
from personalize.protocols.people import Loso
from personalize.protocols.seen import Recorded, Seen, saw
from personalize.protocols.units import read_units
from scripts.leaks.seeds import seeded, table


@pytest.fixture(scope="module")
def cases():
    return {case.name: case for case in seeded(0)}


def test_every_leak_is_caught_for_its_own_reason_and_clean_runs_pass(cases):
    for case in cases.values():
        assert not case.honest.findings, case.name
        assert {finding.reason for finding in case.leaky.findings} - {"overlapping windows"} <= {case.reason}, case.name
        assert case.leaky.findings[0].reason == case.reason, case.name


def test_what_remembers_gains_by_what_it_has_seen(cases):
    gain = {case.reason: case.leaky.score - case.honest.score for case in cases.values()}
    for reason in ("participant spelled differently", "same recording", "near-duplicate", "shared participant"):
        assert gain[reason] > 0.5
    for reason in (
        "early stopping",
        "threshold",
        "calibration",
        "neutral reference",
        "scaler",
        "selector",
        "overlapping windows",
    ):
        assert gain[reason] > 0.03
    assert gain["no record"] == 0


def test_the_table_marks_every_leaky_number(cases):
    lines = table(list(cases.values())).splitlines()
    assert len(lines) == 2 + len(cases)
    assert all(line.count("LEAKY") == 1 and "**" not in line for line in lines[2:])


def a_table(n=6):
    t0 = np.arange(float(n))
    return pd.DataFrame({"participant": np.repeat(["a", "b"], n // 2), "t0": t0, "t1": t0 + 1})


def test_records_go_through_a_pipeline():
    groups = a_table()
    x, y = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6.0)
    fold = next(Loso().folds(x, y, groups))
    pipe = make_pipeline(Recorded(StandardScaler()), Recorded(Ridge()))
    inside = {"recorded-1__groups": groups.iloc[fold.train], "recorded-2__groups": groups.iloc[fold.train]}
    pipe.fit(x[fold.train], y[fold.train], **inside)
    assert not audit(fold, read_units(groups), fitted={"model": pipe})
    found = audit(fold, read_units(groups), fitted={"model": make_pipeline(StandardScaler(), pipe.steps[1][1])})
    assert [finding.reason for finding in found] == ["no record"]  # the scaler; the head has one
    plain = make_pipeline(StandardScaler(), Ridge()).fit(x[fold.train], y[fold.train])
    np.testing.assert_array_equal(pipe.predict(x), plain.predict(x))
    with pytest.raises(AttributeError):
        pipe.predict_proba(x)


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (saw(a_table()), "head"),
        (saw(a_table().iloc[:4]), "head"),
        (Ridge(), "no record"),
        (Seen(frozenset("b"), frozenset()), "no record"),
        (Seen(frozenset("A"), frozenset(["b#0@3.0"])), "head"),
        (Seen(frozenset("b"), frozenset(["elsewhere"])), "head"),
        (Seen(frozenset("B"), frozenset(["B#0@3.0"])), None),
    ],
)
def test_a_record_is_held_against_the_fold(thing, reason):
    fold = next(Loso().folds(None, None, a_table()))
    assert fold.name == "a"
    found = audit(fold, read_units(a_table()), fitted={"head": thing})
    assert [finding.reason for finding in found] == ([reason] if reason else [])


def test_a_recorder_refuses_what_is_held_out():
    x = np.zeros((6, 1))
    with pytest.raises(LeakError, match=r"unit 'b#0@5\.0' is held out but was seen"):
        Recorded(StandardScaler()).fit(x, groups=a_table(), held_out=a_table().iloc[5:])


def test_leaky_protocols_are_let_through_and_others_are_not():
    finding = Finding("purge gap", "so near")
    with pytest.raises(LeakError, match="protocol 'loso': so near") as caught:
        assert_clean([finding], Loso())
    assert caught.value.reason == "purge gap"
    assert_clean([finding], RandomFrame())
    assert_clean([], Loso())


@pytest.mark.parametrize("twin", ["Ångström", "ångström", "A\u030angstro\u0308m", " Ångström\t"])
def test_spelling_has_a_reason_of_its_own(twin):
    with pytest.raises(LeakError) as caught:
        assert_disjoint(["x", "Ångström"], [twin])
    same = twin == "Ångström"
    assert caught.value.reason == ("shared participant" if same else "participant spelled differently")


def intervals(spans, recording="r"):
    t0, t1 = np.array([s[0] for s in spans], float), np.array([s[0] + s[1] for s in spans], float)
    return read_units({"participant": ["p"] * len(spans), "recording": [recording] * len(spans), "t0": t0, "t1": t1})


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6)), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(SPANS, SPANS)
def test_gaps_equal_a_naive_loop(seen, held):
    found = gaps(intervals(seen), intervals(held))
    for (start, length), gap in zip(held, found, strict=True):
        naive = min(max(start - (s + n), s - (start + length)) for s, n in seen)
        assert (gap < 0) == (naive < 0)
        assert naive < 0 or gap == naive
    assert np.isinf(gaps(intervals(seen), intervals(held, "other"))).all()
    assert (gaps(intervals(seen), intervals(held, " R ")) == found).all()  # spelling does not tell apart


def test_the_gap_itself_is_allowed():
    assert_purged(intervals([(0, 2)]), intervals([(4, 2)]), 2.0)
    with pytest.raises(LeakError, match=r"lies 2 s from one that was seen; the purge gap is 2\.5 s"):
        assert_purged(intervals([(0, 2)]), intervals([(4, 2)]), 2.5)


def recordings(names, units=6):
    who = np.repeat(names, units)
    return read_units({"participant": who, "recording": who})


def test_common_rows_are_no_copies():
    """Faces at rest are alike in a table of action units: rows that several people have prove nothing."""
    rng = np.random.default_rng(0)
    seen, held = recordings(["a", "b", "c"]), recordings(["d"])
    x = rng.normal(size=(18, 8))
    for person in range(3):
        x[6 * person : 6 * person + 4] = 0.0
    theirs = np.r_[np.zeros((4, 8)), rng.normal(size=(2, 8))]
    assert_no_copies(seen, x, held, theirs)
    assert_no_copies(seen, x, held, np.full((6, 8), np.nan))
    fresh = rng.normal(size=(18, 8))
    with pytest.raises(LeakError, match="recording 'd' is held out but 3 of its 6 rows are in 'b'") as caught:
        assert_no_copies(seen, fresh, held, np.r_[fresh[7:10] + 1e-3, rng.normal(size=(3, 8))])
    assert caught.value.reason == "near-duplicate"


def test_a_checksum_under_the_same_name_is_no_leak():
    groups = a_table(8).assign(recording=["r"] * 8, participant="a", checksum="abc")
    units = read_units(groups)
    fold = next(Loso().folds(None, None, a_table(8)))._replace(train=np.arange(2), test=np.arange(6, 8))
    assert [f.reason for f in audit(fold, units)] == ["shared participant"]
    other = replace(units, participant=np.array(["b"] * 4 + ["a"] * 4), recording=np.array(["s"] * 4 + ["r"] * 4))
    assert [f.reason for f in audit(fold, other)] == ["same recording"]
