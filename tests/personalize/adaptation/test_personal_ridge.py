"""Adaptation: the limits, the closed form, and worlds where people differ or do not."""

import numpy as np
import pytest

from personalize.adaptation.names import NAMES, parts, takes_labels
from personalize.adaptation.personal import PERSONAL
from personalize.adaptation.reference import minus_reference
from personalize.adaptation.ridge import GRID, POPULATION, Prior, Ridge, _corrections
from personalize.adaptation.simple import ParticipantPrior
from personalize.heads.ridge import RidgeHead
from pretrain.errors import UserError


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 6))
    group = np.repeat([f"sub-{i}" for i in range(6)], 20)
    shift = np.repeat(rng.normal(size=6), 20)
    y = x[:, 0] * (1 + shift) + 2 * shift + 0.1 * rng.normal(size=120)
    return x, y, group, RidgeHead().fit(x, y, group, held_out=["new"])


def adapted(prior, world, x, y, group):
    model = Ridge(components=3)
    model.prior_ = prior
    return model.fit(x, y, group, start=world[3])


def test_no_labels_is_exactly_the_population_model(world):
    x, _, _, head = world
    model = adapted(Prior(1.0, 1.0, 1.0), world, x[:0], np.zeros(0), np.zeros(0, str))
    np.testing.assert_array_equal(model.predict(x, np.full(len(x), "new")), head.predict(x))


def test_zero_variance_is_the_population_model_whatever_the_labels(world):
    x, _, _, head = world
    model = adapted(POPULATION, world, x[:5], np.full(5, 99.0), np.full(5, "new"))
    np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")), head.predict(x), atol=1e-12)


def test_unknown_people_get_the_population_model(world):
    x, y, _, head = world
    model = adapted(Prior(1.0, 1.0, 0.1), world, x[:5], y[:5] + 3, np.full(5, "new"))
    np.testing.assert_array_equal(model.predict(x, np.full(len(x), "other")), head.predict(x))
    assert model.participants_ == {"new"}


def test_a_free_offset_takes_the_mean_error(world):
    x, y, _, head = world
    model = adapted(Prior(1e9, 0.0, 0.0), world, x[:5], y[:5], np.full(5, "new"))
    error = (y[:5] - head.predict(x[:5])).mean()
    np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")), head.predict(x) + error, atol=1e-6)


def test_free_offset_and_gain_are_least_squares_on_the_prediction(world):
    x, y, _, head = world
    model = adapted(Prior(1e7, 1e7, 0.0), world, x[:8], y[:8], np.full(8, "new"))
    line = np.polynomial.Polynomial.fit(head.predict(x[:8]), y[:8], 1)
    np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")), line(head.predict(x)), atol=1e-4)


def test_labels_pull_away_smoothly(world):
    x, _, _, head = world
    changes = []
    for k in (1, 2, 5, 20):
        model = adapted(Prior(0.5, 0.0, 0.0), world, x[:k], head.predict(x[:k]) + 1, np.full(k, "new"))
        changes.append((model.predict(x, np.full(len(x), "new")) - head.predict(x)).mean())
    np.testing.assert_allclose(changes, [0.5 * k / (0.5 * k + 1) for k in (1, 2, 5, 20)], atol=1e-9)


def test_further_directions_leave_the_population_direction_alone(world):
    x, _, _, head = world
    design = Ridge(components=6)._design(x, head.predict(x), head)
    covariance = np.cov(design[:, 1:].T)
    np.testing.assert_allclose(covariance[0, 1:], 0, atol=1e-10)
    np.testing.assert_allclose(covariance[0, 0] * 119 / 120, 1, atol=1e-10)


def test_the_grid_is_solved_as_the_fit_is(world):
    x, y, _, head = world
    grid = GRID[3::40]
    design = Ridge(components=3)._design(x, head.predict(x), head)
    changes = _corrections(design[:5], (y - head.predict(x))[:5], design, grid)
    for prior, change in zip(grid, changes, strict=True):
        model = adapted(prior, world, x[:5], y[:5], np.full(5, "new"))
        np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")) - head.predict(x), change, atol=1e-9)


def learned(differ, seed=0):
    rng = np.random.default_rng(seed)
    group = np.repeat([f"sub-{i:02d}" for i in range(20)], 30)
    x = rng.normal(size=(600, 5))
    y = x[:, 0] + np.repeat(differ * rng.normal(size=20), 30) + 0.5 * rng.normal(size=600)
    head = RidgeHead().fit(x, y, group, held_out=[])
    position = np.tile(np.arange(30), 20)
    masks = {"calibration": (position < 15) & (position % 3 == 0), "test": position >= 15}
    return Ridge().learn_prior(x, y, group, **masks, start=head)


def test_the_prior_follows_how_much_people_differ():
    assert learned(0.0).prior_ == POPULATION
    assert learned(1.0).prior_.offset >= 1.0
    assert learned(1.0).prior_participants_ == {f"sub-{i:02d}" for i in range(20)}


def test_participant_prior_is_the_mean_of_the_labels(world):
    x, _, _, head = world
    model = ParticipantPrior().fit(x[:3], np.array([1.0, 2.0, 6.0]), np.full(3, "new"), start=head)
    asked = model.predict(x[:2], np.array(["new", "other"]))
    np.testing.assert_allclose(asked, [3.0, head.intercept_])


def test_reference_is_the_opening_of_the_same_recording():
    x = np.array([[1.0], [3.0], [9.0], [50.0], [np.nan], [60.0], [np.nan]])
    recording = np.array(["a", "a", "a", "b", "b", "b", "c"])
    t0 = np.array([0.0, 1.0, 2.0, 5.0, 4.0, 6.0, 0.0])
    usable = np.isfinite(x[:, 0])
    out = minus_reference(x, recording, t0, t0 + 1, usable, 2.0)
    np.testing.assert_allclose(out[:, 0], [-1, 1, 7, 0, np.nan, 10, np.nan])
    short = minus_reference(x, recording, t0, t0 + 1, usable, 0.1)  # nothing lies within: the first row it is
    np.testing.assert_allclose(short[:3, 0], [0, 2, 8])


def test_reference_ignores_what_comes_later():
    rng = np.random.default_rng(0)
    x, t0, recording = rng.normal(size=(10, 3)), np.arange(10.0), np.full(10, "a")
    first = minus_reference(x, recording, t0, t0 + 1, np.ones(10, bool), 3.0)
    x[6:] += 100
    later = minus_reference(x, recording, t0, t0 + 1, np.ones(10, bool), 3.0)
    np.testing.assert_array_equal(first[:6], later[:6])


def test_names():
    assert [parts(name).personal for name in NAMES] == ["none", "participant_prior", "none", "ridge", "ridge"]
    assert [parts(name).referenced for name in NAMES] == [False, False, True, True, False]
    assert [name for name in NAMES if takes_labels(name)] == ["participant_prior", "reference+ridge", "ridge"]
    assert {parts(name).personal for name in NAMES} == set(PERSONAL)
    with pytest.raises(UserError, match=r"did you mean 'reference\+ridge'"):
        parts("reference+rigde")
