"""Adaptation: the limits, the closed form, and worlds where people differ or do not."""

import numpy as np
import pytest
from sklearn.base import clone

from personalize.adaptation.names import FEATURES, GRADIENT, NAMES, PERSONAL, Parts, parts, takes_labels
from personalize.adaptation.personal import CLASS, KINDS, NUMBER, make_adaptation, make_head
from personalize.adaptation.prior import GRID, POPULATION, Prior, choose, grid_errors
from personalize.adaptation.reference import minus_reference
from personalize.adaptation.ridge import Ridge
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
    model.prior_ = model.spread_ = prior
    model.noise_ = 0.04
    return model.fit(x, y, group, start=world[3])


def test_no_labels_is_exactly_the_population_model(world):
    x, _, _, head = world
    model = adapted(Prior(1.0, 1.0, 1.0), world, x[:0], np.zeros(0), np.zeros(0, str))
    np.testing.assert_array_equal(model.predict(x, np.full(len(x), "new")).value, head.predict(x).value)


def test_zero_variance_is_the_population_model_whatever_the_labels(world):
    x, _, _, head = world
    model = adapted(POPULATION, world, x[:5], np.full(5, 99.0), np.full(5, "new"))
    np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")).value, head.predict(x).value, atol=1e-12)


def test_unknown_people_get_the_population_model(world):
    x, y, _, head = world
    model = adapted(Prior(1.0, 1.0, 0.1), world, x[:5], y[:5] + 3, np.full(5, "new"))
    np.testing.assert_array_equal(model.predict(x, np.full(len(x), "other")).value, head.predict(x).value)
    assert model.participants_ == {"new"}


def test_a_free_offset_takes_the_mean_error(world):
    x, y, _, head = world
    model = adapted(Prior(1e9, 0.0, 0.0), world, x[:5], y[:5], np.full(5, "new"))
    error = (y[:5] - head.predict(x[:5]).value).mean()
    np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")).value, head.predict(x).value + error, atol=1e-6)


def test_free_offset_and_gain_are_least_squares_on_the_prediction(world):
    x, y, _, head = world
    model = adapted(Prior(1e7, 1e7, 0.0), world, x[:8], y[:8], np.full(8, "new"))
    line = np.polynomial.Polynomial.fit(head.predict(x[:8]).value, y[:8], 1)
    np.testing.assert_allclose(model.predict(x, np.full(len(x), "new")).value, line(head.predict(x).value), atol=1e-4)


def test_labels_pull_away_smoothly(world):
    x, _, _, head = world
    changes = []
    for k in (1, 2, 5, 20):
        model = adapted(Prior(0.5, 0.0, 0.0), world, x[:k], head.predict(x[:k]).value + 1, np.full(k, "new"))
        changes.append((model.predict(x, np.full(len(x), "new")).value - head.predict(x).value).mean())
    np.testing.assert_allclose(changes, [0.5 * k / (0.5 * k + 1) for k in (1, 2, 5, 20)], atol=1e-9)


def naive_design(x, head, components):
    """The directions in which a person may differ, from the head's principal axes, in another order of sums."""
    z = (x - head.mean_) / head.scale_
    covariance = head.directions_ @ np.diag(head.variances_) @ head.directions_.T
    along = z @ head.coef_ / np.sqrt(head.coef_ @ covariance @ head.coef_)
    scores = z @ head.directions_[:, :components] / np.sqrt(head.variances_[:components])
    share = head.directions_[:, :components].T @ covariance @ head.coef_ / np.sqrt(head.variances_[:components])
    share /= np.sqrt(head.coef_ @ covariance @ head.coef_)
    return np.column_stack([np.ones(len(x)), along, scores - np.outer(along, share)])


def test_further_directions_leave_the_population_direction_alone(world):
    x, _, _, head = world
    covariance = np.cov(naive_design(x, head, 6)[:, 1:].T)
    np.testing.assert_allclose(covariance[0, 1:], 0, atol=1e-10)
    np.testing.assert_allclose(covariance[0, 0] * 119 / 120, 1, atol=1e-10)


@pytest.mark.parametrize("prior", [Prior(1.0, 0.3, 0.1), Prior(30.0, 10.0, 0.3), Prior(0.1, 3.0, 0.01)])
def test_every_person_equals_the_naive_solve(world, prior):
    x, y, group, head = world
    rng = np.random.default_rng(1)
    some = rng.permutation(len(x))[:70]
    model = adapted(prior, world, x[some], y[some], group[some])
    found, variance = model.predict(x, group), np.diag([prior.offset, prior.gain, *[prior.rest] * 3])
    error = y - head.predict(x).value
    for person in np.unique(group):
        own, theirs = some[group[some] == person], group == person
        b, a = naive_design(x[own], head, 3), naive_design(x[theirs], head, 3)
        covariance = np.linalg.inv(b.T @ b + np.linalg.inv(variance))
        value = head.predict(x[theirs]).value + a @ covariance @ b.T @ error[own]
        np.testing.assert_allclose(found.value[theirs], value, atol=1e-9)
        se = [np.sqrt(0.04 * (1 + row @ covariance @ row)) for row in a]
        np.testing.assert_allclose(found.se[theirs], se, atol=1e-9)


def test_the_grid_is_judged_by_what_a_fit_would_predict(world):
    x, y, group, head = world
    error, design = y - head.predict(x).value, naive_design(x, head, 3)
    pairs = [(np.arange(20 * i, 20 * i + 4 + i), np.arange(20 * i + 12, 20 * i + 20)) for i in range(6)]
    grid = GRID[3::40]
    found = grid_errors(design, error, pairs, grid)
    for prior, column in zip(grid, found.T, strict=True):
        for (given, asked), one in zip(pairs, column, strict=True):
            model = adapted(prior, world, x[given], y[given], group[given])
            left = y[asked] - model.predict(x[asked], group[asked]).value
            np.testing.assert_allclose((left**2).mean(), one, atol=1e-9)


def test_the_population_stays_unless_the_gain_is_beyond_luck():
    grid = (POPULATION, Prior(1.0, 0.0, 0.0))
    assert choose(np.array([[1.0, 0.9], [1.0, 0.9], [1.0, 1.15]]), grid) == POPULATION
    assert choose(np.array([[1.0, 0.9], [1.0, 0.9], [1.0, 0.97]]), grid) == grid[1]
    assert choose(np.array([[1.0, 0.0]]), grid) == POPULATION


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
    asked = model.predict(x[:2], np.array(["new", "other"])).value
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
    assert len(set(NAMES)) == len(NAMES) == 4 * 17
    for name in NAMES:
        features, personal, guard = parts(name)
        assert features in ("", *FEATURES) and personal in PERSONAL
        assert guard == name.endswith("+guard") and takes_labels(name) == (personal != "none")
    assert parts("none") == Parts("", "none") and parts("reference+none") == Parts("reference", "none")
    assert parts("normalise_all+calibrate+guard") == Parts("normalise_all", "calibrate", True)


@pytest.mark.parametrize("name", ["reference+rigde", "none+guard", "guard", "", "ridge+reference", "ridge+ridge", "+"])
def test_other_names_are_refused(name):
    with pytest.raises(UserError, match="unknown adaptation"):
        parts(name)


def test_the_nearest_name_is_offered():
    with pytest.raises(UserError, match=r"did you mean 'reference\+ridge'"):
        parts("reference+rigde")


def test_every_name_has_its_work():
    for kind, known in zip(KINDS, (NUMBER, CLASS), strict=True):
        for name in set(PERSONAL) & set(known):
            model = make_adaptation(name, kind, components=3)
            assert clone(model).get_params() == model.get_params()
    assert set(PERSONAL) == {*NUMBER, *GRADIENT} and set(CLASS) < set(NUMBER)
    with pytest.raises(UserError, match="kind"):
        make_head("klass")
    with pytest.raises(UserError, match="'class'"):
        make_adaptation("isotonic", "class")
