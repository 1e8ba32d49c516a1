"""People and what happens to them, checked on truth values without any learning."""

import jax
import numpy as np
import pytest

from personalize.phantom import ALIKE, AUS, VARIED, make_course, pspi, sample_camera, sample_person
from personalize.phantom.course import QUIET, faces
from personalize.phantom.parameters import INDEX, MAXIMUM
from personalize.phantom.people import REGIONS, PeopleConfig

MANY = [sample_person([1, n]) for n in range(200)]


def course(number: int, seconds: float = 60, people: PeopleConfig = VARIED):
    person, rng = sample_person([1, number], people), np.random.default_rng([1, number, 1])
    camera = sample_camera(rng, person.looks.skin)
    return person, camera, make_course(person, camera, rng, seconds, 10)


def test_spread_zero_makes_everyone_alike():
    a, b = sample_person(1, ALIKE), sample_person(2, ALIKE)
    jax.tree.map(np.testing.assert_array_equal, a, b)
    assert (a.signature.rating_gain, a.signature.rating_offset, a.signature.rating_noise) == (1, 0, 0)
    assert not a.signature.rest.any()


def test_same_seed_same_person_and_others_differ():
    jax.tree.map(np.testing.assert_array_equal, sample_person(7), sample_person(7))
    assert not np.array_equal(sample_person(7).signature.gain, sample_person(8).signature.gain)


@pytest.mark.parametrize(
    ("field", "read"),
    [
        ("expressiveness", lambda p: p.signature.gain),
        ("pattern", lambda p: p.signature.gain),
        ("resting", lambda p: p.signature.rest),
        ("rating_gain", lambda p: np.float64(p.signature.rating_gain)),
        ("rating_offset", lambda p: np.float64(p.signature.rating_offset)),
        ("asymmetry", lambda p: p.looks.asymmetry),
    ],
)
def test_each_spread_does_what_it_says(field, read):
    off = [read(sample_person(n, PeopleConfig(**{field: 0.0}))) for n in range(30)]
    on = [read(sample_person(n, PeopleConfig(**{**dict.fromkeys(ALIKE.__dict__, 0.0), field: 0.5}))) for n in range(30)]
    assert np.std(on, 0).max() > 0
    if field not in ("expressiveness", "pattern"):  # both move the gains
        assert np.std(off, 0).max() == 0


def test_people_show_pain_with_different_parts_of_the_face():
    share = np.array([[p.signature.gain[[INDEX[u] for u in units]].mean() for units in REGIONS] for p in MANY])
    assert len(set(share.argmax(1))) == len(REGIONS)
    total = share.sum(1)
    assert np.percentile(total, 90) > 2 * np.percentile(total, 10)


def test_every_skin_tone_age_and_sex_occurs():
    assert {p.skin_tone for p in MANY} == set(range(1, 11))
    assert {p.sex for p in MANY} == {"F", "M"}
    assert min(p.age for p in MANY) < 25 and max(p.age for p in MANY) > 80
    assert 0.1 < np.mean([p.glasses for p in MANY]) < 0.4


def test_the_start_is_without_expression():
    for n in range(20):
        person, _, c = course(n, 16)
        quiet = c.time < QUIET
        assert not c.pain[quiet].any()
        assert np.abs(c.aus[quiet] - person.signature.rest).max() < 0.35
        assert c.pspi[quiet].max() < 1


def test_values_stay_on_their_scales():
    for n in range(20):
        _, _, c = course(n, 16)
        assert c.aus.min() >= 0 and (c.aus <= MAXIMUM).all()
        assert c.pain.min() >= 0 and c.pain.max() <= 10
        assert c.blink.min() >= 0 and c.blink.max() <= 1


def test_pspi_is_of_what_is_shown_beyond_rest():
    person, _, c = course(3)
    np.testing.assert_allclose(c.pspi, pspi(np.maximum(c.aus - person.signature.rest, 0)))


def test_blinks_close_the_drawn_lids_but_not_the_coded_ones():
    person, camera, c = course(4)
    drawn = faces(person.looks, camera, c, 0).aus[:, INDEX["AU43"]]
    shut = c.blink > 0.9
    assert shut.any() and (drawn[shut] > 0.9).all()
    assert c.aus[shut, INDEX["AU43"]].mean() < drawn[shut].mean()


def test_faces_also_move_without_pain():
    """Smiles, raised brows, frowns, speech and closed eyes occur at moments free of pain."""
    free = np.concatenate([c.aus[c.pain == 0] for c in (course(n)[2] for n in range(20))])
    for name in ("AU01", "AU02", "AU04", "AU12", "AU26"):
        assert (free[:, INDEX[name]] > 2).mean() > 0.01, name
    assert (free[:, INDEX["AU43"]] > 0.7).any()


def test_no_single_unit_gives_the_pain_away():
    """Within people, over seconds, no action unit correlates above .9 with PSPI, and pain units move apart."""
    centred, scores = [], []
    for n in range(40):
        _, _, c = course(n)
        centred.append(c.aus - c.aus.mean(0))
        scores.append(c.pspi - c.pspi.mean())
    units, score = np.concatenate(centred), np.concatenate(scores)
    r = [np.corrcoef(units[:, i], score)[0, 1] for i in range(len(AUS))]
    assert np.nanmax(np.abs(r)) < 0.9
    strong = np.concatenate([c.aus[c.pain > 5] for c in (course(n, people=ALIKE)[2] for n in range(20))])
    between = np.corrcoef(strong[:, [INDEX[u] for u in ("AU04", "AU07", "AU10", "AU20")]].T)
    assert (between - np.eye(4)).max() < 0.5


def test_pain_shows_and_recordings_differ_in_how_much_there_is():
    shares = [np.mean(course(n)[2].pain > 1) for n in range(30)]
    assert min(shares) < 0.45 and max(shares) > 0.65
    r = [np.corrcoef(c.pain, c.pspi)[0, 1] for c in (course(n)[2] for n in range(20))]
    assert 0.4 < np.median(r) < 0.97
