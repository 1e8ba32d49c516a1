import numpy as np
import pytest

from personalize.phantom.pictures.clutter import clutter
from personalize.phantom.pictures.crops import Maker, _astray, _first, _second
from personalize.phantom.pictures.portraits import CutOuts, cut_out, sample_portraits
from personalize.phantom.pictures.scenes import CROWD, Director
from personalize.phantom.pictures.wear import put_on
from pretrain.footage.align import Pose, pose_of
from pretrain.footage.face_nets.landmarker import FIVE

SIZE = 96


@pytest.fixture(scope="module")
def portraits():
    faces, people = sample_portraits(3, 12)
    return cut_out(faces, SIZE, 3), people


@pytest.fixture(scope="module")
def rooms():
    rng = np.random.default_rng(0)
    return np.stack([clutter(rng, 128) for _ in range(8)])


def _dots(count=1):
    """A portrait that is nothing but a bright dot at each of five points, on a black ground that hides everything."""
    shade, points = np.zeros((count, SIZE, SIZE), np.uint8), np.zeros((count, 70, 2), np.float32)
    five = np.array([[38, 40], [58, 40], [48, 52], [41, 62], [55, 62]], np.float32)
    points[:] = 48
    points[:, FIVE] = five
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    for px, py in five:
        shade += np.rint(250 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 3)).astype(np.uint8)
    return CutOuts(shade, np.full_like(shade, 255), points, np.ones((count, 70), bool))


def _centre(picture, near, reach=4):
    """Centre of brightness around a place."""
    x0, y0 = (round(v) - reach for v in near)
    part = picture[y0 : y0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1].astype(float)
    y, x = np.mgrid[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]]
    return np.array([(part * x).sum(), (part * y).sum()]) / part.sum()


def test_points_follow_the_pixels_through_pose_stretch_and_bend(rooms, monkeypatch):
    monkeypatch.setattr("personalize.phantom.pictures.crops.damage", lambda rng, p: p.clip(0, 255).astype(np.uint8))
    monkeypatch.setattr("personalize.phantom.pictures.crops.occlude", lambda rng, p, q: (p, np.zeros(70, bool)))
    crops = Maker(_dots(), rooms, 80, 1.5).batch(np.random.default_rng(1), 60)
    errors = []
    for picture, points, face in zip(crops.pictures, crops.points, crops.face, strict=True):
        for x, y in points[FIVE] if face else []:
            if 6 < x < 74 and 6 < y < 74:
                errors.append(np.linalg.norm(_centre(picture, (x, y)) - (x, y)))
    assert len(errors) > 100
    assert np.median(errors) < 0.2
    assert np.quantile(errors, 0.95) < 0.6


@pytest.mark.long
def test_batches_depend_on_the_generator_alone(portraits, rooms):
    make = Maker(portraits[0], rooms, 64, 1.5)
    first, again, other = (make.batch(np.random.default_rng(s), 8) for s in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.pictures, other.pictures)


def test_a_fifth_of_the_crops_show_no_face(portraits, rooms):
    crops = Maker(portraits[0], rooms, 48, 1.5).batch(np.random.default_rng(0), 400)
    assert 0.13 < 1 - crops.face.mean() < 0.27
    assert not crops.visible[~crops.face & (crops.points == 0).all((1, 2))].any()


def test_crops_that_go_astray_show_nothing_that_passes_for_a_centred_face():
    face = Pose(50.0, 50.0, 20.0, 0.1)
    for seed in range(200):
        astray = _astray(np.random.default_rng(seed), face)
        beside = np.hypot(astray.x - 50, astray.y - 50) >= 0.6 * 20
        near = astray.size <= 0.5 * 20
        turned = abs(astray.roll - face.roll) > 2
        assert beside or near or turned


def test_second_looks_are_closer_than_first_ones():
    face = Pose(50.0, 50.0, 20.0, 0.3)
    spread = [np.std([look(np.random.default_rng(s), face).x for s in range(300)]) for look in (_first, _second)]
    assert spread[0] > 2 * spread[1]


def test_a_cut_out_over_its_own_background_is_the_portrait(portraits):
    out = portraits[0]
    assert out.cover.min() == 0 and out.cover.max() == 255
    corners = out.cover[:, 0, [0, -1]]
    assert (corners == 0).mean() > 0.7  # some lie on pillows
    assert (out.shade[out.cover == 0] == 0).all()
    middle = pose_of(out.points[0][FIVE])
    assert out.cover[0, int(middle.y), int(middle.x)] == 255


def test_what_is_worn_hides_what_it_covers(portraits, monkeypatch):
    plain = portraits[0]
    for kind, hidden in (("mask", [51, 57, 62]), ("shades", [68, 69]), ("hat", [])):
        monkeypatch.setattr("personalize.phantom.pictures.wear.SHARES", {kind: 1.0})
        worn = put_on(plain, 0)
        assert (worn.shade != plain.shade).any((1, 2)).all()
        assert (worn.cover >= plain.cover).all()
        assert not worn.visible[:, hidden].any()
        assert not (worn.visible & ~plain.visible).any()
    assert np.array_equal(plain.shade, portraits[0].shade)


def test_a_scene_says_where_its_faces_are(rooms, monkeypatch):
    """One dotted face alone: the boxes' middles and widths agree with the dots in the picture."""
    monkeypatch.setattr("personalize.phantom.pictures.scenes.damage", lambda rng, p: p.clip(0, 255).astype(np.uint8))
    monkeypatch.setattr(
        "personalize.phantom.pictures.scenes.bend", lambda rng, side, reach: np.zeros((side, side, 2), np.float32)
    )
    scenes = Director(_dots(), rooms, 128, (60.0, 90.0)).batch(np.random.default_rng(4), 150)
    checked = 0
    for picture, faces in zip(scenes.pictures, scenes.faces, strict=True):
        (x, y, width, _, seen), *others = faces
        if not 60 < width < 90 or seen < 0.99 or any(o[2] for o in others):
            continue
        part = picture[int(y - width * 0.35) : int(y + width * 0.45), int(x - width / 2) : int(x + width / 2)] > 60
        _, columns = np.nonzero(part)
        left, right = columns.min() + int(x - width / 2), columns.max() + int(x - width / 2)
        assert abs((left + right) / 2 - x) < 0.1 * width
        assert 0.25 < (right - left) / width < 0.75
        checked += 1
    assert checked >= 5


def test_scenes_hold_nobody_or_up_to_a_crowd(portraits, rooms):
    scenes = Director(portraits[0], rooms, 96, (19.0, 42.0)).batch(np.random.default_rng(0), 200)
    count = (scenes.faces[:, :, 2] > 0).sum(1)
    assert count.min() == 0 and count.max() == CROWD
    assert 0.15 < (count == 0).mean() < 0.35
    assert ((scenes.faces[..., 4] >= 0) & (scenes.faces[..., 4] <= 1)).all()


def test_people_of_a_row_do_not_depend_on_where_it_is_cut():
    whole, about = sample_portraits(7, 6)
    part, about_part = sample_portraits(7, 2, start=3)
    assert about[3:5] == about_part
    assert np.array_equal(whole.muscles[3:5], part.muscles)
    assert np.array_equal(whole.looks.skin[3:5], part.looks.skin)
