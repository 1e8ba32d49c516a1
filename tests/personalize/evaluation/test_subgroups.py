"""Groups of people: each as if alone, differences as Welch has them, and cells too small to show."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import by_people
from personalize.evaluation.rows import check_interval
from personalize.evaluation.statistics import mean_over_people, statistic
from personalize.evaluation.subgroups import group_rows, levels_of, terciles, with_age_bands
from personalize.evaluation.targets import Target

TARGET = Target("numeric", 4.0)


def world(people=24, units=12, seed=0):
    rng = np.random.default_rng(seed)
    names = np.repeat([f"p{i:02d}" for i in range(people)], units)
    truth = 4 + np.repeat(rng.normal(size=people), units) + rng.normal(size=people * units)
    return by_people(truth, truth + np.repeat(rng.uniform(0.5, 2, people), units) * rng.normal(size=len(truth)), names)


def deal(names, *sizes):
    """A column whose levels g0, g1 ... have so many people."""
    ends = np.cumsum([0, *sizes])
    return {f"g{i}": names[a:b].tolist() for i, (a, b) in enumerate(pairwise(ends))}


@pytest.mark.parametrize("pooling", ["pooled", "mean_over_participants"])
@pytest.mark.parametrize("metric", ["mae", "auroc", "ccc"])
def test_a_group_is_as_if_it_were_alone(metric, pooling):
    units = world()
    groups = deal(units.names, 11, 13)
    rows = group_rows(statistic(metric, units, TARGET, pooling), {"group": groups}, units.names)
    for row, people in zip(rows, groups.values(), strict=True):
        own = np.isin(units.names[units.code], people)
        alone = by_people(units.truth[own], units.prediction[own], units.names[units.code][own])
        expected = bounded(statistic(metric, alone, TARGET, pooling))
        for key in ("value", "low", "high"):
            assert row[key] == pytest.approx(expected[key], rel=1e-9)
        assert row["n_participants"] == statistic(metric, alone, TARGET, pooling).people
        check_interval(row, row["value"], metric)
        assert rows[0]["difference"]["value"] == pytest.approx(rows[0]["value"] - rows[1]["value"])


def test_differences_of_means_are_those_of_welch():
    rng = np.random.default_rng(1)
    values, names = np.concatenate([rng.normal(0, 1, 9), rng.normal(1, 3, 14)]), np.array([f"p{i}" for i in range(23)])
    rows = group_rows(mean_over_people(values, (), "as it is"), {"group": deal(names, 9, 14)}, names)
    expected = scipy.stats.ttest_ind(values[:9], values[9:], equal_var=False).confidence_interval(0.95)
    found = rows[0]["difference"]
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected))
    assert found["value"] == pytest.approx(values[:9].mean() - values[9:].mean())
    assert (found["interval"], found["n_participants"]) == ("welch_t_95", 14)
    assert rows[1]["difference"]["value"] == pytest.approx(-found["value"])


def test_small_cells_are_warned_of_or_not_shown():
    units = world()
    found = statistic("mae", units, TARGET, "mean_over_participants")
    rows = group_rows(found, {"group": deal(units.names, 1, 2, 3, 18)}, units.names)
    assert [row["n_participants"] for row in rows] == [1, 2, 3, 18]
    for row in rows[:2]:
        assert row["value"] is None
        assert row["difference"]["value"] is None
        assert row["reason"] == row["difference"]["reason"] == "fewer than 3 people: not shown"
    assert rows[2]["value"] is not None
    assert [row["warning"] for row in rows] == ["fewer than 10 people"] * 3 + [None]
    assert rows[3]["difference"]["n_participants"] == 6


def test_others_who_are_too_few_leave_no_difference():
    units = world(people=8)
    rows = group_rows(statistic("mae", units, TARGET, "pooled"), {"group": deal(units.names, 6, 2)}, units.names)
    assert rows[0]["value"] is not None
    assert rows[0]["difference"]["reason"] == "the others: fewer than 3 people: not shown"


def test_people_of_no_level_are_not_among_the_others():
    units = world()
    found = statistic("mae", units, TARGET, "mean_over_participants")
    rows = group_rows(found, {"group": deal(units.names, 5, 7)}, units.names)
    assert [row["difference"]["n_participants"] for row in rows] == [7, 5]


def test_what_is_undefined_for_a_group_says_so():
    units = world()
    truth = np.where(units.code < 6, 1.0, units.truth)
    groups = deal(units.names, 6, 18)
    rows = group_rows(statistic("auroc", units._replace(truth=truth), TARGET, "pooled"), {"group": groups}, units.names)
    assert (rows[0]["value"], rows[0]["reason"]) == (None, "undefined for these people")
    assert rows[1]["difference"]["reason"] == "the others: undefined for these people"
    everywhere = statistic("auroc", units, Target("numeric", None), "pooled")
    assert {row["reason"] for row in group_rows(everywhere, {"group": groups}, units.names)} == {
        "no threshold in the config"
    }
    alike = mean_over_people(np.ones(24), (), "logit")
    assert group_rows(alike, {"group": groups}, units.names)[0]["difference"]["reason"] == "nobody differs from anybody"


def test_columns_become_levels_or_say_why_not():
    names = [f"sub-{i}" for i in range(9)]
    table = pd.DataFrame(
        {
            "participant": names,
            "sex": ["F", "M"] * 4 + [None],
            "Age": ["39.9", "40", "59", "60", "79", "80", "101", "n.n.", None],
            "remark": [f"words {i}" for i in range(9)],
            "site": "one",
            "nothing": None,
            "tone": [str(i) for i in range(9)],
            "split": "test",
        }
    )
    found = levels_of(with_age_bands(table), ("split",))
    assert found["sex"] == {"F": names[0:8:2], "M": names[1:8:2]}
    assert found["Age"] == {"40-59": names[1:3], "60-79": names[3:5], "80+": names[5:7], "<40": names[:1]}
    assert found["remark"] == "9 different words, more than 6"
    assert found["site"] == "everybody is alike"
    assert found["nothing"] == "not known of anybody"
    assert found["tone"] == {"below 4": names[:4], "from 4": names[4:]}
    assert "split" not in found


def test_terciles_are_of_one_size():
    names, values = np.array([f"p{i}" for i in range(12)]), np.arange(12.0)
    assert terciles(names, values) == {
        "low": names[:4].tolist(),
        "middle": names[4:8].tolist(),
        "high": names[8:].tolist(),
    }
    fewer = terciles(names, np.append(values[:-1], np.nan))
    assert not isinstance(fewer, str)
    assert fewer["high"] == names[7:11].tolist()
    assert terciles(names, np.ones(12)) == "everybody is alike"
    assert terciles(names[:8], values[:8]) == "fewer than 9 people have it"
