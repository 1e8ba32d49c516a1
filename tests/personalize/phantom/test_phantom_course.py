"""What happens in recordings, checked on truth values without any learning."""

import numpy as np
import pytest

from personalize.phantom.face.facs import AU, facs, pspi
from personalize.phantom.face.parameters import INDEX, MAXIMUM, MUSCLES
from personalize.phantom.patient.course import coded, faces, make_course
from personalize.phantom.patient.expression import FALL, RISE, follow, pain_expression
from personalize.phantom.patient.people import ALIKE, PAIN, sample_person
from personalize.phantom.plan import Bout, Plan, envelope, frames, quiet
from tests.personalize.phantom.phantom_worlds import film

FILMS = film(people=40)


def steps(level: float, start: float = 5, seconds: float = 120) -> Plan:
    """Pain that starts at once and stays."""
    time = frames(seconds, 20)
    pain = level * (time >= start)
    return Plan("01", time, pain, pain, ())


def response(plan: Plan, **signature) -> np.ndarray:
    person = sample_person(0, ALIKE)
    return pain_expression(plan, person.signature._replace(**signature), np.random.default_rng(0))


def test_an_envelope_rises_stays_and_falls():
    time = frames(10, 50)
    shape = envelope(time, Bout(1, 2, 3, 1))
    assert shape[time <= 1].max() == 0 and shape[time >= 7].max() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(shape[(time >= 3) & (time <= 6)], 1)
    assert (np.diff(shape[time < 3]) >= 0).all() and shape[time == 2] == pytest.approx(0.5)


def test_muscles_contract_faster_than_they_let_go():
    time = frames(8, 100)
    target = np.repeat(((time >= 1) & (time < 4)).astype(float)[:, None], len(MUSCLES), 1)
    found = follow(target, time)[:, 0]
    risen = found[time >= 1][round(RISE * 100) - 1]
    fallen = found[time >= 4][round(FALL * 100) - 1]
    assert risen == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert fallen == pytest.approx(np.exp(-1), abs=0.02)


def test_pain_below_the_threshold_shows_nothing():
    assert not response(steps(2.0), threshold=2.5).any()
    assert response(steps(3.0), threshold=2.5).any()


def test_expression_is_delayed():
    n = len(MUSCLES)
    early, late = (response(steps(8), delay=np.full(n, d)).sum(1) for d in (0.0, 1.5))
    begins = [np.flatnonzero(x > 0)[0] for x in (early, late)]
    assert begins[1] - begins[0] == pytest.approx(1.5 * 20, abs=1)


def test_no_muscle_goes_beyond_the_ceiling():
    low = 0.3 * MAXIMUM
    found = response(steps(10), ceiling=low)
    assert (found <= low + 1e-9).all() and np.isclose(found.max(0), low).any()


def test_expression_of_lasting_pain_habituates():
    fresh, tired = (response(steps(8), habituation=h).sum(1) for h in (0.0, 0.5))
    at_once, after_a_minute = (tired / np.maximum(fresh, 1e-9))[[140, 1320]]
    assert at_once > 0.95
    assert after_a_minute == pytest.approx(0.5, abs=0.03)


def test_the_mix_of_muscles_changes_but_averages_to_the_gain():
    found = response(steps(10, start=0, seconds=6000.0), threshold=0.0, ceiling=MAXIMUM * 9)[100:]
    units = [INDEX[name] for name in ("AU04", "AU07", "AU10", "AU20")]
    between = np.corrcoef(found[:, units].T)
    assert (between - np.eye(4)).max() < 0.4
    np.testing.assert_allclose(found[:, units].mean(0), [PAIN[n] for n in ("AU04", "AU07", "AU10", "AU20")], rtol=0.1)


def test_quiet_phases_hold_no_expression():
    for take in FILMS:
        course, signature = take.recording.course, take.recording.person.signature
        still = quiet(course.plan)
        assert still.any() and not course.plan.pain[still].any()
        units = slice(0, INDEX["mouth"])
        assert np.abs(course.muscles[still, units] - signature.rest[units]).max() < 0.4
        assert course.pspi[still].max() < 1.2


def test_values_stay_on_their_scales():
    for take in FILMS:
        course = take.recording.course
        assert course.muscles.min() >= 0 and (course.muscles <= MAXIMUM).all()
        assert course.plan.pain.min() >= 0 and course.plan.pain.max() <= 10
        assert course.hand.min() >= 0 and course.hand.max() <= 1
        assert np.abs(course.asymmetry).max() <= 1


def test_pspi_is_of_what_is_shown_beyond_rest():
    recording = FILMS[3].recording
    beyond = np.maximum(recording.course.muscles - recording.person.signature.rest, 0)
    beyond[:, INDEX["lids"]] = recording.course.muscles[:, INDEX["lids"]]
    np.testing.assert_allclose(recording.course.pspi, pspi(facs(beyond, 10)))
    whole = coded(recording.course)
    assert (whole == np.round(whole)).all() and np.abs(whole - recording.course.aus).max() <= 0.5


def test_blinks_close_the_lids_and_are_45_not_43():
    aus = np.concatenate([t.recording.course.aus for t in FILMS])
    free = np.concatenate([t.recording.plan.pain == 0 for t in FILMS])
    assert 0.01 < aus[free, AU["AU45"]].mean() < 0.1
    assert aus[free, AU["AU43"]].mean() < 0.05
    assert not (aus[:, AU["AU43"]] * aus[:, AU["AU45"]]).any()


def test_faces_also_move_without_pain():
    """Smiles, raised brows, frowns, wide eyes, speech, yawns and closed eyes occur at moments free of pain."""
    takes = film(people=40, seconds=60.0)
    free = np.concatenate([t.recording.course.aus[t.recording.plan.pain == 0] for t in takes])
    for name in ("AU01", "AU02", "AU04", "AU05", "AU12", "AU14", "AU15", "AU17", "AU23", "AU25", "AU26", "AU27"):
        assert (free[:, AU[name]] > 2).mean() > 0.002, name
    assert free[:, AU["AU43"]].any()
    assert max(t.recording.course.hand.max() for t in takes) > 0.9


def test_heads_and_postures_change():
    takes = film(people=10, seconds=90.0)
    for angle in ("yaw", "pitch", "roll"):
        spread = [np.degrees(np.ptp(getattr(t.recording.course.view, angle))) for t in takes]
        assert 3 < np.median(spread) < 40, angle


def test_no_single_unit_gives_the_pain_away():
    """Within recordings no action unit correlates above .9 with PSPI."""
    units = np.concatenate([t.recording.course.aus - t.recording.course.aus.mean(0) for t in FILMS])
    score = np.concatenate([t.recording.course.pspi - t.recording.course.pspi.mean() for t in FILMS])
    r = [abs(np.corrcoef(units[:, i], score)[0, 1]) for i in AU.values() if units[:, i].any()]
    assert max(r) < 0.9


def test_pain_shows_more_or_less_and_recordings_differ_in_how_much_there_is():
    takes = film(people=30, seconds=60.0)
    shares = [np.mean(t.recording.plan.pain > 1) for t in takes]
    assert min(shares) < 0.45 and max(shares) > 0.65
    shown = [t for t in takes if not t.recording.person.signature.stoic]
    r = [np.corrcoef(t.recording.plan.pain, t.recording.course.pspi)[0, 1] for t in shown]
    assert 0.4 < np.median(r) < 0.95


def test_a_batch_of_faces_has_a_frame_each_and_flickers_with_the_camera():
    take = FILMS[0]
    course = take.recording.course
    batch = faces(take.recording.person.looks, take.camera._replace(flicker=0.1), course, 7)
    n = len(course.plan.time)
    assert {np.shape(leaf)[0] for part in batch[:1] + batch[3:6] for leaf in part} == {n}
    assert len(np.unique(batch.seed)) == n
    ratio = batch.scene.exposure / take.camera.scene.exposure
    assert ratio.min() == pytest.approx(0.9, abs=0.03) and ratio.max() == pytest.approx(1.1, abs=0.03)


def test_three_frames_are_no_colour():
    """A recording of three frames: vectors of three numbers must not be taken for one number a frame."""
    person, time = sample_person(1), frames(0.3, 10)
    plan = Plan("01", time, 0 * time, 0 * time, ())
    take = FILMS[0]
    course = make_course(person, take.camera, plan, np.random.default_rng(0))
    batch = faces(person.looks, take.camera, course, 0)
    np.testing.assert_array_equal(batch.scene.light, np.tile(take.camera.scene.light, (3, 1)))
