"""People and their ratings: spreads, habits, observers."""

import jax
import numpy as np
import pytest

from personalize.phantom.face.parameters import INDEX
from personalize.phantom.patient.people import ALIKE, REGIONS, VARIED, PeopleConfig, sample_person
from personalize.phantom.patient.raters import EXACT, Habit, Observer, observe, sample_observer, self_report

MANY = [sample_person([1, n]) for n in range(300)]
PERFECT = Habit(gain=1.0, offset=0.0, noise=0.0, digits=0.0, refusal=0.0)


def test_spread_zero_makes_everyone_alike():
    a, b = sample_person(1, ALIKE), sample_person(2, ALIKE)
    jax.tree.map(np.testing.assert_array_equal, (a.looks, a[2:]), (b.looks, b[2:]))
    assert a.habit == PERFECT
    assert not a.signature.rest.any() and not a.signature.drift.any() and a.signature.habituation == 0


def test_same_seed_same_person_and_others_differ():
    jax.tree.map(np.testing.assert_array_equal, sample_person(7)[2:], sample_person(7)[2:])
    assert not np.array_equal(sample_person(7).signature.gain, sample_person(8).signature.gain)


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("resting", lambda p: p.signature.rest),
        ("asymmetry", lambda p: p.signature.asymmetry),
        ("delay", lambda p: p.signature.delay),
        ("threshold", lambda p: p.signature.threshold),
        ("ceiling", lambda p: p.signature.ceiling),
        ("habituation", lambda p: p.signature.habituation),
        ("drift", lambda p: p.signature.drift),
        ("reactivity", lambda p: p.reactivity.emg),
        ("rating_gain", lambda p: p.habit.gain),
        ("rating_offset", lambda p: p.habit.offset),
        ("digits", lambda p: p.habit.digits),
        ("refusal", lambda p: p.habit.refusal),
    ],
)
def test_each_spread_moves_what_it_names_and_nothing_else(field, read):
    people = [sample_person(n, PeopleConfig(**{**vars(ALIKE), field: getattr(VARIED, field)})) for n in range(30)]
    base = sample_person(0, ALIKE)
    assert np.std([read(p) for p in people], 0).max() > 0
    moved = {
        name
        for part in ("signature", "reactivity", "habit")
        for name, value in getattr(base, part)._asdict().items()
        if any(not np.array_equal(getattr(getattr(p, part), name), value) for p in people)
    }
    named = {"resting": {"rest"}, "reactivity": {"emg", "eda", "emg_noise", "eda_level"}}
    assert moved == named.get(field, {field.removeprefix("rating_")})


@pytest.mark.parametrize("field", ["expressiveness", "pattern", "stoic"])
def test_spreads_of_how_pain_is_shown(field):
    off = [sample_person(n, ALIKE).signature.gain for n in range(30)]
    people = PeopleConfig(**{**vars(ALIKE), field: 0.5})
    on = [sample_person(n, people).signature.gain for n in range(30)]
    assert np.ptp(off, 0).max() == 0 < np.ptp(on, 0).max()


def test_strength_zero_shows_nothing():
    assert not sample_person(3, PeopleConfig(strength=0.0)).signature.gain.any()


def test_some_people_are_stoic_and_show_almost_nothing():
    stoic = [p.signature.gain.max() for p in MANY if p.signature.stoic]
    others = [p.signature.gain.max() for p in MANY if not p.signature.stoic]
    assert 0.04 < len(stoic) / len(MANY) < 0.18
    assert np.median(stoic) < 0.2 * np.median(others)


def test_people_show_pain_with_different_parts_of_the_face():
    gains = [p.signature.gain for p in MANY if not p.signature.stoic]
    share = np.array([[g[[INDEX[u] for u in units]].mean() for units in REGIONS] for g in gains])
    assert len(set(share.argmax(1))) == len(REGIONS)
    total = share.sum(1)
    assert np.percentile(total, 90) > 2 * np.percentile(total, 10)


def test_every_skin_tone_age_and_sex_occurs():
    about = [p.about for p in MANY]
    assert {a.skin_tone for a in about} == set(range(1, 11))
    assert {a.sex for a in about} == {"F", "M"}
    assert min(a.age for a in about) < 25 and max(a.age for a in about) > 80
    assert 0.1 < np.mean([a.glasses for a in about]) < 0.4


def test_ages_stay_within_their_range():
    ages = [sample_person(n, PeopleConfig(ages=(65.0, 90.0))).about.age for n in range(60)]
    assert min(ages) >= 65 and max(ages) <= 90 and np.std(ages) > 4


def test_a_perfect_rater_says_what_is():
    pain = np.array([0, 0.4, 2.6, 9.9])
    np.testing.assert_array_equal(self_report(pain, PERFECT, np.random.default_rng(0)), [0, 0, 3, 10])
    np.testing.assert_allclose(self_report(pain, PERFECT, np.random.default_rng(0), step=0.1), pain)


def test_gain_and_offset_of_a_rater():
    habit = PERFECT._replace(gain=0.5, offset=2)
    np.testing.assert_array_equal(self_report(np.array([0.0, 4, 8, 10]), habit, np.random.default_rng(0)), [2, 4, 6, 7])
    assert self_report(np.array([9.0]), PERFECT._replace(offset=5), np.random.default_rng(0))[0] == 10


def test_favourite_numbers_draw_answers_from_near_by_only():
    pain = np.repeat(np.arange(11.0), 400)
    said = self_report(pain, PERFECT._replace(digits=0.5), np.random.default_rng(0))
    for true in (1, 4, 6, 9):
        moved = said[pain == true]
        assert set(moved) == {float(true), min((0.0, 5.0, 10.0), key=lambda f: abs(f - true))}
        assert 0.4 < (moved != true).mean() < 0.6
    for true in (2, 3, 7, 8):
        assert (said[pain == true] == true).all()


def test_refusals_have_no_value():
    said = self_report(np.full(2000, 5.0), PERFECT._replace(refusal=0.2), np.random.default_rng(0))
    assert 0.17 < np.isnan(said).mean() < 0.23


def test_observers_err_as_their_parameters_say():
    """Bias and gain shift; noise repeats with the item, repeatability does not."""
    truth = np.random.default_rng(1).uniform(5, 15, 4000)
    rng = np.random.default_rng(2)
    ratings = observe(truth, Observer(1.0, 0.05, 0.06, 0.03), rng, top=20, step=1e-9, repeats=2)
    error = ratings - truth
    assert error.mean() == pytest.approx(0.05 * 20, abs=0.1)
    assert np.std(error[0] - error[1]) / np.sqrt(2) == pytest.approx(0.03 * 20, rel=0.05)
    assert np.sqrt(np.cov(error)[0, 1]) == pytest.approx(0.06 * 20, rel=0.05)


def test_observers_keep_to_the_scale_and_its_steps():
    found = observe(
        np.linspace(-5, 50, 200), sample_observer(np.random.default_rng(0)), np.random.default_rng(1), top=31
    )
    assert found.min() == 0 and found.max() == 31 and (found == np.round(found)).all()


def test_an_exact_observer_and_spread_zero():
    assert sample_observer(np.random.default_rng(3), spread=0.0) == EXACT
    np.testing.assert_array_equal(observe(np.array([1.2, 3.6]), EXACT, np.random.default_rng(0), top=5)[0], [1, 4])
