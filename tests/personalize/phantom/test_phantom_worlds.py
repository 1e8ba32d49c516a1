"""Every world switch does what it says: checked on truth values, without any learning."""

import jax
import numpy as np
import pytest
from scipy.stats import ks_2samp

from personalize.phantom.cohort import BY_TIME, physiology
from personalize.phantom.face.facs import AU
from personalize.phantom.filming import Take
from personalize.phantom.patient.biosignals import biosignals
from personalize.phantom.patient.expression import pain_expression
from personalize.phantom.patient.people import ALIKE, sample_person
from personalize.phantom.patient.raters import EXACT
from personalize.phantom.plan import quiet
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.stories import HOLD
from personalize.phantom.worlds import SWITCHES, make_world
from pretrain.errors import UserError
from tests.personalize.phantom.phantom_worlds import film, members

SCENARIO_WORLDS = [(s.name, w) for s in SCENARIOS.values() for w in s.worlds]


def together(takes: list[Take], read) -> np.ndarray:
    return np.concatenate([read(t.recording) for t in takes])


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else 0.0


def busy(what: str):
    """Reads a track of a recording outside its quiet phases, in which nothing moves whatever the world."""
    return lambda r: (r.course.pspi if what == "pspi" else getattr(r.plan, what))[~quiet(r.plan)]


def shown_by_pain(take: Take, seed: int = 0) -> np.ndarray:
    """What pain alone adds to each muscle."""
    return pain_expression(take.recording.plan, take.recording.person.signature, np.random.default_rng(seed))


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize(("scenario", "switch"), SCENARIO_WORLDS)
def test_every_switch_works_in_every_scenario_that_lists_it(scenario, switch):
    takes = film(scenario, switch + "=0.5" * (switch == "contamination"), people=2)
    natural = film(scenario, people=2)
    assert len(takes) == len(natural)
    for take in takes:
        course = take.recording.course
        assert np.isfinite(course.muscles).all() and np.isfinite(take.recording.plan.pain).all()
    if switch not in ("contamination", "signals-by-time"):
        assert not same([t.faces for t in takes], [t.faces for t in natural])


def test_every_switch_belongs_to_a_scenario_and_a_system():
    assert {w for _, w in SCENARIO_WORLDS} == set(SWITCHES)
    assert {s for switch in SWITCHES.values() for s in switch.systems} == {18, 23, 26, 29, 32, 36}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_alike_signature_face_camera_and_habit_are_one(scenario):
    takes = film(scenario, "alike", people=4)
    first = takes[0]
    for take in takes[1:]:
        a, b = take.recording.person, first.recording.person
        assert same(a.signature, b.signature) and same(a.habit, b.habit) and same(a.reactivity, b.reactivity)
        assert same(take.camera, first.camera)
        assert same(a.looks, b.looks)
    other = film(scenario, people=4)
    assert not same(other[0].camera, other[-1].camera)
    assert not same(other[0].recording.person.signature, other[-1].recording.person.signature)


def test_rest_alike_takes_resting_tone_and_lines_and_leaves_the_pain():
    for take in film("dementia", "rest-alike", people=6):
        person = take.recording.person
        assert not person.signature.rest.any() and person.looks.age == 0
    gains = [t.recording.person.signature.gain for t in film("dementia", "rest-alike", people=6)]
    assert same(gains, [t.recording.person.signature.gain for t in film("dementia", people=6)])


@pytest.mark.parametrize(("probability", "people"), [(0.0, 10), (0.3, 60), (1.0, 10)])
def test_contamination_is_the_share_of_neutral_moments_that_hold_pain(probability, people):
    takes = film("shoulder", f"contamination={probability}", people=people)
    soiled = [t.recording.plan.pain[quiet(t.recording.plan)].min() > 3 for t in takes]
    clean = [t.recording.plan.pain[quiet(t.recording.plan)].max() == 0 for t in takes]
    assert np.mean(soiled) == pytest.approx(probability, abs=0.09)
    assert np.mean(clean) == pytest.approx(1 - probability, abs=0.09)
    shown = [np.abs(shown_by_pain(t)[quiet(t.recording.plan)]).max() for t in takes]
    assert all(s == 0 for s, c in zip(shown, clean, strict=True) if c)


def test_no_shift_makes_the_groups_one():
    def differences(switches: str) -> float:
        ages = {g: [] for g in ("dementia", "healthy")}
        for member in members("dementia", switches, people=80):
            ages[member.group.name].append(member.person.about.age)
        return np.mean(ages["dementia"]) - np.mean(ages["healthy"])

    assert differences("") > 5
    assert abs(differences("no-shift")) < 4
    groups = {t.member.group[1:] for t in film("dementia", "no-shift", people=4)}
    assert len(groups) == 1


def test_clock_ratings_know_the_time_and_the_face_does_not():
    takes = film("cold_pressor", "clock", people=10)
    for take in takes:
        plan = take.recording.plan
        assert correlation(plan.pain, plan.time) > 0.999
    time, pspi, pain = (together(takes, busy(r)) for r in ("time", "pspi", "pain"))
    assert abs(correlation(pspi, pain)) < 0.15 and abs(correlation(pspi, time)) < 0.15
    natural = film("cold_pressor", people=10)
    assert correlation(together(natural, busy("pspi")), together(natural, busy("pain"))) > 0.4


def test_level_is_the_persons_and_hardly_changes():
    takes = film("episodes", "level", people=30)
    means = np.array([t.recording.plan.pain.mean() for t in takes]).reshape(30, -1)
    within = [t.recording.plan.pain.std() for t in takes]
    assert max(within) < 0.5 and np.ptp(means, 1).max() < 0.5
    assert means.std() > 1.5
    natural = film("episodes", people=30)
    assert np.median([t.recording.plan.pain.std() for t in natural]) > 1.5


def test_camera_tells_pain_and_nothing_else():
    takes = film("shoulder", "camera-tells", people=6)
    pain = np.array([t.recording.plan.pain.max() > 4 for t in takes])
    assert 0 < pain.mean() < 1
    lights = [t.camera.scene.light for t in takes]
    for a in range(len(takes)):
        for b in range(a):
            assert same(lights[a], lights[b]) == (pain[a] == pain[b])


def test_stone_faces_show_no_pain():
    takes = film("episodes", "stone-face", people=30)
    assert not any(shown_by_pain(t).any() for t in takes)
    assert together(takes, lambda r: r.plan.pain).max() > 8
    natural = film("episodes", people=30)
    stone, living = (correlation(together(x, busy("pspi")), together(x, busy("pain"))) for x in (takes, natural))
    assert abs(stone) < 0.2 < 0.5 < living


def test_without_dynamics_expression_is_a_function_of_the_moment():
    for take in film("cold_pressor", "no-dynamics", people=4):
        plan = take.recording.plan
        step = (plan.time // HOLD).astype(int)
        moved = shown_by_pain(take)
        for window in np.unique(step):
            assert np.ptp(plan.pain[step == window]) < 1e-9
            assert np.ptp(moved[step == window], 0).max() < 1e-9
        np.testing.assert_allclose(shown_by_pain(take, seed=1), moved)
    natural = film("cold_pressor", people=4)[0]
    assert not np.allclose(shown_by_pain(natural, seed=1), shown_by_pain(natural))


def test_dynamics_only_frames_are_the_same_and_speeds_are_not():
    takes = film("cold_pressor", "dynamics-only", people=10)
    pain = together(takes, lambda r: r.plan.pain) > 0
    drive = together(takes, lambda r: r.plan.drive[:, 0])
    assert ks_2samp(drive[pain], drive[~pain]).statistic < 0.05
    speed = np.abs(np.concatenate([np.gradient(t.recording.plan.drive[:, 0]) for t in takes]))
    assert speed[~pain].mean() > 3 * speed[pain].mean()
    assert 0.3 < pain.mean() < 0.7


def test_in_pairs_single_units_tell_nothing_and_their_product_tells_pain():
    takes = [t for t in film("episodes", "pairs", people=40) if not t.recording.person.signature.stoic]
    pain = together(takes, lambda r: r.plan.pain) > 0
    moved = np.concatenate([shown_by_pain(t) for t in takes])
    brow, lip = (moved[:, AU[name]] for name in ("AU04", "AU10"))
    for unit in (brow, lip):
        assert unit[pain].mean() == pytest.approx(unit[~pain].mean(), rel=0.15)
    assert (brow * lip)[~pain].max() == 0 < (brow * lip)[pain].mean()


def test_signals_by_time_rise_with_time_and_not_with_pain():
    """Amplitude of the frown's muscle at rest and in pain, early and late, in the natural world and in this one."""
    frames, fps = 1200, 10
    muscles = np.zeros((frames, 16))
    half = np.tile(np.repeat([0, 5.0], 100), frames // 200)
    muscles[:, AU["AU04"]] = half
    amplitude = {}
    for kind in ("", "signals-by-time"):
        reactivity, drift = physiology(sample_person(1, ALIKE).reactivity, make_world(kind, ("signals-by-time",), "x"))
        table = biosignals(2 * half, muscles, fps, reactivity, drift, np.random.default_rng(0))
        rms = np.sqrt((table["emg_corrugator"].to_numpy().reshape(frames // 100, -1) ** 2).mean(1))
        amplitude[kind] = rms
    natural, by_time = amplitude[""], amplitude["signals-by-time"]
    assert natural[1::2].min() > 1.5 * natural[::2].max()
    assert np.corrcoef(by_time, np.arange(len(by_time)))[0, 1] > 0.8
    assert by_time[1::2].mean() == pytest.approx(by_time[::2].mean(), rel=0.25)
    assert BY_TIME.emg > 0


def test_observers_are_exact_only_where_everybody_rates_alike():
    from personalize.phantom.filming import observers

    shoulder = SCENARIOS["dementia"]
    assert set(observers(shoulder, make_world("alike", shoulder.worlds, "dementia"), 3)) == {EXACT}
    two = observers(shoulder, make_world("", shoulder.worlds, "dementia"), 3)
    assert len(set(two)) == 2 and EXACT not in two


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("allike", "did you mean 'alike'?"),
        ("clock,level", "contradict each other in 'story'"),
        ("alike=1", "takes no value"),
        ("contamination", "probability"),
        ("contamination=2", "probability"),
        ("no-shift", "no world 'no-shift'"),
    ],
)
def test_wrong_worlds_are_one_line(names, says):
    with pytest.raises(UserError, match=says) as error:
        make_world(names, SCENARIOS["episodes"].worlds, "episodes")
    assert "\n" not in str(error.value)


def test_switches_combine():
    world = make_world("rest-alike, clock,contamination=0.1", SCENARIOS["episodes"].worlds, "episodes")
    assert (world.people.resting, world.story, world.contamination) == (0, "clock", 0.1)
    assert make_world("alike,rest-alike", SCENARIOS["episodes"].worlds, "episodes").people == ALIKE
