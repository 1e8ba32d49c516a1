"""How far predictive intervals reach: the share that they hold, of people who count alike."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.adaptation.guard import Guard
from personalize.adaptation.reach import LEVELS, normal_reach, reach_column, reaches
from personalize.adaptation.ridge import Ridge
from personalize.adaptation.simple import NoAdaptation, ParticipantPrior
from personalize.heads.ridge import RidgeHead


def test_normal_errors_have_the_normal_reach():
    rng = np.random.default_rng(0)
    se = rng.uniform(0.5, 2, 40_000)
    found = reaches(se * rng.normal(size=40_000), se, np.repeat(np.arange(200).astype(str), 200))
    for level in LEVELS:
        assert found[reach_column(level)] == pytest.approx(normal_reach(level), rel=0.03)
        assert normal_reach(level) == pytest.approx(scipy.stats.norm.interval(level)[1])


@given(st.lists(st.integers(1, 30), min_size=2, max_size=12), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_it_is_the_smallest_that_holds_the_share_of_people_who_count_alike(sizes, seed):
    rng = np.random.default_rng(seed)
    names = np.repeat([f"p{i}" for i in range(len(sizes))], sizes)
    error, se = rng.standard_cauchy(len(names)), rng.uniform(0.1, 3, len(names))
    found = reaches(error, se, names)
    for level in LEVELS:
        reach = found[reach_column(level)] * se
        share = [
            np.mean([(np.abs(error) <= scale * reach)[names == n].mean() for n in set(names)])
            for scale in (1 - 1e-9, 1 + 1e-9)
        ]
        assert share[0] < level + 1e-9
        assert share[1] > level - 1e-9


def test_nothing_without_a_standard_error():
    assert reaches(np.ones(3), np.full(3, np.nan), np.array(["a", "b", "c"])) == {}
    assert reaches(np.ones(3), np.zeros(3), np.array(["a", "b", "c"])) == {}


def peaked(people=240, rows=30, seed=1):
    """Labels whose errors are mostly small and seldom large, as of pain that is mostly absent; people have offsets."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"p{i:03d}" for i in range(people)], rows)
    x = rng.normal(size=(people * rows, 3))
    noise = rng.laplace(size=len(x)) * np.where(rng.uniform(size=len(x)) < 0.2, 2.0, 0.3)
    y = x[:, 0] + np.repeat(0.3 * rng.normal(size=people), rows) + noise
    return x, y, names


@pytest.mark.parametrize("adaptation", [NoAdaptation(), Ridge(), Guard(Ridge())], ids=["none", "ridge", "ridge+guard"])
def test_intervals_of_new_people_hold_what_they_say_where_errors_are_peaked(adaptation):
    x, y, names = peaked()
    known = names < "p160"
    early = np.tile(np.arange(30) < 5, 240)
    head = RidgeHead().fit(x[known], y[known], names[known], held_out=[])
    adaptation.learn_prior(x[known], y[known], names[known], calibration=early[known], test=~early[known], start=head)
    given_, asked = ~known & early, ~known & ~early
    adaptation.fit(x[given_], y[given_], names[given_], start=head)
    found = adaptation.predict(x[asked], names[asked])
    size = np.abs(y[asked] - found.value) / found.se
    assert (size <= normal_reach(0.8)).mean() > 0.86  # a normal interval is far too wide
    for level in LEVELS:
        assert (size <= adaptation.reach_[reach_column(level)]).mean() == pytest.approx(level, abs=0.03)


def test_the_mean_of_a_persons_labels_keeps_the_normal_reach():
    x, y, names = peaked(people=6)
    head = RidgeHead().fit(x, y, names, held_out=[])
    early = np.tile(np.arange(30) < 5, 6)
    prior = ParticipantPrior().learn_prior(x, y, names, calibration=early, test=~early, start=head)
    assert prior.reach_ == {}
