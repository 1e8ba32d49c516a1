"""Films under named conditions, people as arrays, batches and rows that are trained once."""

from dataclasses import replace

import numpy as np
import pytest

from personalize.phantom.face.camera import sample_camera
from personalize.phantom.filming import cast, takes
from personalize.phantom.scenarios import EPISODES
from personalize.phantom.scenarios.base import Extent
from personalize.phantom.worlds import NATURAL
from pretrain.clips.dataset import MEASURES
from pretrain.errors import UserError
from scripts.ablation import real, study
from scripts.ablation.data import QUICK, Footage, Size, cut, gather, load
from scripts.ablation.film import CONDITIONS, TRUTH, Job, film_person
from scripts.ablation.recipes import ENCODERS, SHAPE, make_recipes
from scripts.ablation.study import SUPERVISED, TABLE, UNTRAINED, People, Study, features
from scripts.ablation.training import batches, load_params, save_params, untrained


def write_person(path, seed, films=2, crops=30):
    """A file as `film_person` writes it: crops in which each picture holds its film and place, in two tracks a film."""
    rng = np.random.default_rng(seed)
    film, place = (a.ravel() for a in np.mgrid[0:films, 0:crops])
    n = len(film)
    order = rng.permutation(n)
    frames = np.zeros((n, 64, 64), np.uint8)
    frames[:] = (40 * seed + 10 * film + place)[:, None, None]
    frames += rng.integers(0, 8, frames.shape).astype(np.uint8)
    arrays = {
        "frames": frames,
        "landmarks": rng.normal(size=(n, 68, 2)).astype(np.float32),
        "measures": rng.normal(size=(n, len(MEASURES))).astype(np.float32),
        "truth": rng.normal(size=(n, len(TRUTH))).astype(np.float32),
        "time": place / 10,
        "recording": film,
        "track": (place >= crops // 2).astype(int),
        "segment": np.zeros(n, int),
    }
    np.savez(path, **{k: v[order] for k, v in arrays.items()}, frames_per_recording=np.int64(crops + 10))
    return arrays


@pytest.fixture
def made(tmp_path):
    """Three people's files and the set that they make."""
    arrays = [write_person(tmp_path / f"{i}.npz", i) for i in range(3)]
    files = [tmp_path / f"{i}.npz" for i in range(3)]
    return arrays, load("set", files, ("ordinary", "covered"))


def test_a_set_keeps_every_crop_with_its_person_film_and_condition(made):
    arrays, footage = made
    assert len(footage.tracks) == 12
    for number, track in enumerate(footage.tracks):
        person, film, part = footage.person[number], footage.recording[number] % 2, track.track
        theirs = arrays[person]
        rows = np.flatnonzero((theirs["recording"] == film) & (theirs["track"] == part))
        assert track.number == number
        np.testing.assert_array_equal(track.time, theirs["time"][rows])
        np.testing.assert_array_equal(footage.frames[track.offset], theirs["frames"][rows])
        np.testing.assert_array_equal(footage.truth[track.offset], theirs["truth"][rows])
        np.testing.assert_array_equal(track.measures, theirs["measures"][rows])
        assert footage.condition[number] == ("ordinary", "covered")[film]
    assert footage.found == {"ordinary": 0.75, "covered": 0.75}


def test_clips_carry_the_mean_truth_of_their_own_frames(made):
    _, footage = made
    clips = cut(footage, SHAPE)
    assert len(clips.rows)
    for i in range(len(clips.rows)):
        track = footage.tracks[clips.track[i]]
        assert np.isin(clips.rows[i], track.offset).all()
        assert clips.person[i] == footage.person[clips.track[i]]
        np.testing.assert_allclose(clips.truth[i], footage.truth[clips.rows[i]].mean(0), rtol=1e-5)
        time = track.time[np.searchsorted(track.offset, clips.rows[i])] if np.all(np.diff(track.offset) > 0) else None
        if time is not None:
            np.testing.assert_allclose(np.diff(time), 0.2, atol=0.11)


def test_joined_sets_keep_their_crops_apart(made):
    _, footage = made
    both = real.join(footage, footage)
    half = len(footage.tracks)
    assert [t.number for t in both.tracks] == list(range(2 * half))
    for a, b in zip(both.tracks[:half], both.tracks[half:], strict=True):
        np.testing.assert_array_equal(both.frames[a.offset], both.frames[b.offset])
        assert not np.isin(b.offset, a.offset).any()
    assert not set(both.person[:half]) & set(both.person[half:])
    assert not set(both.recording[:half]) & set(both.recording[half:])


def test_batches_are_the_same_for_all_recipes_but_for_the_second_view(made):
    _, footage = made
    recipes = make_recipes(ENCODERS["conv"], 10)
    one, two = recipes["pairwise"], recipes["contrastive + pairwise"]
    first = [b for b, _ in zip(batches(one, footage), range(3), strict=False)]
    second = [b for b, _ in zip(batches(two, footage), range(3), strict=False)]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a["frames"][:, :, 0], b["frames"][:, :, 0])
        np.testing.assert_array_equal(a["measures"], b["measures"])
        assert a["frames"].shape == (12, 6, 1, 4, 64, 64, 1)
        assert b["frames"].shape[2] == 2
    assert not np.array_equal(first[0]["frames"], first[1]["frames"])
    other = next(batches(replace(one, seed=1), footage))
    assert not np.array_equal(first[0]["frames"], other["frames"])


@pytest.mark.parametrize("encoder", ENCODERS)
def test_recipes_differ_in_what_their_names_say(encoder):
    recipes = make_recipes(ENCODERS[encoder], 10)
    assert len(recipes) == len({str(c) for c in recipes.values()}) + (ENCODERS[encoder].can_drop and 1)
    assert len({str((c.batch, c.clip, c.steps)) for c in recipes.values()}) == 1
    for row in TABLE:
        if row in recipes:
            assert recipes[row].augment == recipes["pairwise"].augment
            assert bool(recipes[row].masked.weight) == ("masked" in row)
            assert bool(recipes[row].pairwise.weight) == ("pairwise" in row)


@pytest.fixture
def counted(made, tmp_path, monkeypatch):
    """A study whose training is left out and counted."""
    calls = []

    def train(config, footage, say):
        calls.append((config.seed, footage.name))
        return untrained(config)

    monkeypatch.setattr(study, "pretrained", train)
    monkeypatch.setattr(study, "supervised", train)
    people = People(made[1], cut(made[1], SHAPE))
    return Study(tmp_path / "work", QUICK, "conv", 5, 1), people, calls


@pytest.mark.long
def test_a_row_is_trained_once_for_every_seed(counted):
    ours, people, calls = counted
    x = features(ours, "pairwise", 0, people, people)
    assert x.shape == (len(people.clips.rows), 128)
    np.testing.assert_array_equal(features(ours, "pairwise", 0, people, people), x)
    assert calls == [(0, "set")]
    other = People(people.footage._replace(name="other"), people.clips)
    np.testing.assert_allclose(features(ours, "pairwise", 0, people, other), x)
    assert calls == [(0, "set")]  # encoded anew with the parameters that were kept
    features(ours, "pairwise", 1, people, people)
    features(ours, "pairwise", 0, other, people)
    features(ours._replace(steps=6), "pairwise", 0, people, people)
    features(ours, SUPERVISED, 0, people, people)
    features(ours, UNTRAINED, 0, people, people)
    assert len(calls) == 5
    with pytest.raises(UserError, match="did you mean 'pairwise'"):
        features(ours, "pairwize", 0, people, people)


@pytest.mark.long
def test_parameters_come_back_as_they_were(tmp_path):
    import jax

    config = make_recipes(ENCODERS["conv"], 5)["pairwise"]
    params = untrained(config)
    save_params(params, tmp_path / "p.npz")
    again = load_params(config, tmp_path / "p.npz")
    jax.tree.map(np.testing.assert_array_equal, params, again)


def a_take():
    (member,) = cast(EPISODES, NATURAL, 3, 1, 1)
    return next(takes(EPISODES, NATURAL, Extent(1, 1, 4.0, 10, 64), member, 3))


def test_unseen_cameras_lie_outside_of_all_that_pretraining_meets():
    skins = [np.array([0.3, 0.2, 0.15]), np.array([0.9, 0.8, 0.7])]
    usual = [sample_camera(np.random.default_rng([n, 1]), skins[n % 2]) for n in range(500)]
    light = np.array([c.scene.light for c in usual])
    for seed in range(20):
        take = a_take()
        film = CONDITIONS["unseen"](take, np.random.default_rng(seed))
        scene = film.faces.scene
        assert scene.ambient[0] < min(c.scene.ambient for c in usual)
        assert scene.noise[0] > max(c.scene.noise for c in usual)
        assert scene.blur[0] > max(c.scene.blur for c in usual)
        assert film.camera.quality > max(c.quality for c in usual)
        assert abs(scene.light[0, 0]) > np.abs(light[:, 0]).max() or scene.light[0, 1] < light[:, 1].min()
        np.testing.assert_array_equal(film.faces.muscles, take.faces.muscles)


def test_covers_stay_for_the_whole_film_and_ordinary_films_are_left_alone():
    take = a_take()
    assert CONDITIONS["ordinary"](take, np.random.default_rng(0)) is take
    kinds = set()
    for seed in range(30):
        covers = CONDITIONS["covered"](take, np.random.default_rng(seed)).faces.covers
        over = {k: v for k, v in covers._asdict().items() if k != "hand_side" and np.asarray(v).min() >= 0.7}
        assert len(over) == 1
        kinds |= set(over)
    assert kinds == {"oxygen_mask", "tube", "hand", "blanket"}


@pytest.mark.long
def test_a_filmed_person_has_faces_truth_and_a_neutral_start(tmp_path):
    job = Job(tmp_path / "p.npz", 5, 1, ("ordinary", "covered"), 6.0, 64)
    film_person(job, lambda seconds: None)
    footage = load("set", [job.out], job.conditions)
    assert min(footage.found.values()) > 0.8
    clips = cut(footage, SHAPE)
    quiet = clips.t1 <= 2.0
    pspi = clips.truth[:, TRUTH.index("pspi")]
    assert quiet.sum() == 4
    assert pspi[quiet].max() < 0.5 < pspi.max()


@pytest.mark.long
def test_people_are_filmed_once_and_an_interruption_costs_only_the_one_at_work(tmp_path):
    size = Size(pretraining=2, people=2, films=1, films_each=1, seconds=4.0)
    first = gather(tmp_path, size, "pretraining", 11, 1)
    (folder,) = (tmp_path / "people").iterdir()
    kept = {f.name: f.stat().st_mtime_ns for f in folder.iterdir()}
    (folder / "0002.npz").unlink()
    again = gather(tmp_path, size, "pretraining", 11, 1)
    assert (folder / "0001.npz").stat().st_mtime_ns == kept["0001.npz"]
    np.testing.assert_array_equal(first.frames, again.frames)
    other = gather(tmp_path, size, "pretraining", 12, 1)
    assert other.name != first.name
    assert isinstance(other, Footage)


def test_the_smile_probe_is_tested_on_people_it_has_not_seen():
    import pandas as pd

    rng = np.random.default_rng(0)
    labels = pd.DataFrame({"subject_id": np.repeat(np.arange(30), 2), "smiling": np.tile([0, 1], 30)})
    clear = np.column_stack([labels["smiling"] + 0.01 * rng.normal(size=60), rng.normal(size=60)])
    found = real.probe(clear, labels)
    assert found["10 people"][0] > 0.97
    # features that only name the person: right on whom the probe has seen, chance on all others
    named = np.eye(60)
    assert abs(real.probe(named, labels)["10 people"][0] - 0.5) < 0.02
