"""Distances, separation and expected intervals against worlds whose answers are known."""

import numpy as np
import pandas as pd
import pytest

from personalize.evaluation.jackknife import jackknife_interval
from personalize.evaluation.people import mean_replicates
from personalize.evaluation.shift import expected_intervals, farther, person_distances, separation, subgroups


def people(count, rows=30, width=4, shift=0.0, stretch=1.0, differ=0.2, seed=0):
    rng = np.random.default_rng(seed)
    names = np.repeat([f"p{i:03d}" for i in range(count)], rows)
    x = stretch * rng.normal(size=(count * rows, width)) + np.repeat(differ * rng.normal(size=(count, width)), rows, 0)
    x[:, 0] += shift
    return x, names


def test_distances_are_one_at_home_and_what_was_put_in_abroad():
    known, new = people(40, rows=100), people(40, rows=100, shift=3.0, seed=1)
    usual, found = person_distances(*known, *new)
    assert usual.shape == found.shape == (40,)
    assert abs(usual.mean() - 1) < 0.03
    # one of four dimensions lies 3 away: squared, 1 + 9 / 4 / (1 + 0.2 ** 2) on average
    np.testing.assert_allclose((found**2).mean(), 1 + 9 / 4 / 1.04, rtol=0.05)


@pytest.mark.parametrize("change", ["rotate", "scale", "order", "names"])
def test_distances_do_not_hang_on_units_or_order(change):
    (known, of_known), (new, of_new) = people(12), people(5, shift=1.0, seed=1)
    before = person_distances(known, of_known, new, of_new)
    if change == "scale":
        units = np.array([1e-3, 1.0, 50.0, 7.0])
        known, new = known * units + 5, new * units + 5
    elif change == "order":
        order = np.random.default_rng(2).permutation(len(new))
        new, of_new = new[order], of_new[order]
    elif change == "names":
        of_new = np.char.add("x", of_new)
    else:
        known, new = known[:, ::-1], new[:, ::-1]
    after = person_distances(known, of_known, new, of_new)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_a_known_person_is_measured_without_themselves():
    known, of_known = people(6)
    known[of_known == "p003"] += 20.0
    usual, found = person_distances(known, of_known, known, of_known)
    assert usual[3] > 2 * found[3]
    assert farther(usual[3], np.delete(usual, 3)) == 1 / 6
    assert farther(0.0, usual) == 1.0


def test_more_features_than_rows_and_constant_ones_are_measured():
    known, new = people(3, rows=2, width=30), people(2, rows=2, width=30, seed=1)
    known[0][:, 5] = new[0][:, 5] = 1.0
    usual, found = person_distances(*known, *new)
    assert np.isfinite(usual).all()
    assert np.isfinite(found).all()


def test_separation_of_the_same_people_is_chance_and_of_others_is_not():
    chance = [separation(*people(20, seed=s), *people(20, seed=100 + s), seed=s)["value"] for s in range(12)]
    assert 0.38 < np.mean(chance) < 0.55
    apart = separation(*people(20), *people(20, shift=2.0, seed=1))
    assert apart["value"] > 0.99
    assert apart["low"] > 0.8
    assert apart["n_participants"] == 40


def test_separation_keeps_people_whole():
    """People whom one would know again by their features, but whose populations do not differ, are not told apart."""
    known, new = people(15, differ=30.0), people(15, differ=30.0, seed=1)
    assert separation(*known, *new)["value"] < 0.75


def test_separation_of_one_person_says_why_there_is_none():
    found = separation(*people(1), *people(5, seed=1))
    assert found["value"] is None
    assert "fewer than two people" in found["reason"]


@pytest.mark.parametrize("scale", ["log", "logit", "as it is"])
def test_expected_widths_are_those_that_other_samples_have(scale):
    rng = np.random.default_rng(3)
    draw = {
        "log": lambda n: rng.gamma(8.0, 0.25, n),
        "logit": lambda n: rng.beta(8.0, 4.0, n),
        "as it is": lambda n: rng.normal(0.3, 0.5, n),
    }[scale]
    rows = expected_intervals(draw(4000), scale, (20, 50))
    for row in rows:
        widths = []
        for _ in range(300):
            values = draw(row["people"])
            left = mean_replicates(values, 1 - np.eye(len(values), dtype=int))
            low, high = jackknife_interval(float(values.mean()), left, scale)
            widths.append(high - low)
        assert row["low"] < row["high"]
        np.testing.assert_allclose(row["width"], np.mean(widths), rtol=0.06)
    assert rows[0]["width"] > rows[1]["width"]


def test_no_width_is_foretold_from_one_person_or_at_the_end_of_a_scale():
    assert expected_intervals(np.array([1.0, np.nan]), "log", (10,))[0]["width"] is None
    assert expected_intervals(np.array([1.0, 1.0]), "logit", (10,))[0]["width"] is None


def test_subgroups_are_words_or_halves():
    names = [f"sub-{i}" for i in range(9)]
    table = pd.DataFrame(
        {
            "participant": names,
            "sex": ["F", "M", "F", "M", "F", "M", "F", "M", None],
            "age": [str(60 + i) for i in range(9)],
            "split": ["test"] * 4 + ["development"] * 5,
            "remark": [f"words {i}" for i in range(9)],
            "site": ["one"] * 9,
        }
    )
    found = subgroups(table, ("split",))
    assert found == {
        "sex F": names[0:8:2],
        "sex M": names[1:8:2],
        "age below 64": names[:4],
        "age from 64": names[4:],
    }
