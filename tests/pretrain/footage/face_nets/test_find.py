import cv2
import numpy as np
import pytest

from personalize.phantom.face.landmarks import annotate
from personalize.phantom.face.render import render
from personalize.phantom.pictures.clutter import clutter
from pretrain.footage import find_faces
from pretrain.footage.align import pose_of
from pretrain.footage.face_nets.find import NetFinder
from pretrain.footage.face_nets.landmarker import FIVE
from pretrain.footage.finders import make_finder
from pretrain.footage.follow import overlap
from tests.support.portraits import portrait, stack

SIZE = 160


@pytest.fixture(scope="module")
def finder():
    return make_finder("nets")


@pytest.fixture(scope="module")
def people():
    """Grey portraits and their five points."""
    faces = stack([portrait(n) for n in range(24)])
    notes = annotate(faces, SIZE)
    points = np.concatenate([notes.landmarks, notes.pupils], 1)[:, FIVE]
    return [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in render(faces, SIZE)], points


def _scene(seed, shape, *placed):
    """Clutter with pictures at places; places are of upper left corners."""
    luma = cv2.resize(clutter(np.random.default_rng(seed), 256), shape[::-1])
    for picture, (x, y) in placed:
        luma[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return luma


def _error(found, truth):
    """Mean distance of the five points in per cent of the distance between the eyes."""
    return 100 * np.linalg.norm(found - truth, axis=1).mean() / np.linalg.norm(truth[0] - truth[1])


def _near(faces, truth):
    """The found face around five points."""
    box = pose_of(truth).box
    return next((f for f in faces if overlap(f.box, box) > 0.5), None)


@pytest.mark.long
def test_phantoms_are_found_among_clutter_where_they_are(finder, people):
    found = []
    for n, (picture, points) in enumerate(zip(*people, strict=True)):
        place = 10 * n, 20 + 2 * n
        face = _near(finder(_scene(n, (240, 426), (picture, place))), points + place)
        found.append(face and _error(face.points, points + place))
    assert sum(e is not None for e in found) >= 22
    assert np.median([e for e in found if e is not None]) < 6


def test_two_people_are_two_faces_surest_first(finder, people):
    (a, b), points = people[0][:2], people[1]
    faces = finder(_scene(1, (360, 640), (a, (40, 60)), (b, (380, 120))))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    assert _near(faces, points[0] + (40, 60)) is not _near(faces, points[1] + (380, 120)) is not None


@pytest.mark.parametrize(
    "luma",
    [
        np.zeros((1, 1), np.uint8),
        np.full((7, 300), 200, np.uint8),
        np.full((360, 640), 90, np.uint8),
        np.random.default_rng(0).integers(0, 256, (240, 320)).astype(np.uint8),
        *(cv2.resize(clutter(np.random.default_rng(s), 256), (320, 180)) for s in range(4)),
    ],
)
def test_nobody_is_found_where_nobody_is(finder, luma):
    assert finder(luma) == []


def test_a_picture_of_another_size_has_the_same_faces(finder, people):
    luma = _scene(3, (240, 320), (people[0][2], (80, 40)))
    large = cv2.resize(luma, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    small, big = finder(luma)[0], finder(large)[0]
    width = small.box.x1 - small.box.x0
    assert np.abs((big.landmarks + 0.5) / 3 - 0.5 - small.landmarks).max() < 0.06 * width
    assert np.abs(np.array(big.box) / 3 - small.box).max() < 0.06 * width


@pytest.mark.parametrize("degrees", [-90, -40, 30, 90])
def test_a_tilted_head_is_found_and_its_landmarks_turn_with_it(finder, people, degrees):
    luma = _scene(4, (300, 300), (people[0][0], (70, 70)))
    matrix = cv2.getRotationMatrix2D((149.5, 149.5), degrees, 1)
    turned = cv2.warpAffine(luma, matrix, (300, 300), borderMode=cv2.BORDER_REFLECT)
    truth = (people[1][0] + 70) @ matrix[:, :2].T + matrix[:, 2]
    face = _near(finder(turned), truth)
    assert face is not None
    assert _error(face.points, truth) < 12


def test_a_face_has_all_its_parts(finder, people):
    luma = _scene(5, (200, 300), (people[0][0], (60, 30)))
    face = finder(luma)[0]
    assert face.landmarks.shape == (68, 2) and face.points.shape == (5, 2) and face.confidence.shape == (68,)
    assert {a.dtype for a in (face.landmarks, face.points, face.confidence)} == {np.dtype(np.float32)}
    assert 0 < face.score <= 1 and face.confidence.min() >= 0 and face.confidence.max() <= 1
    left, right, nose, corner, other = face.points
    assert left[0] < nose[0] < right[0] and corner[0] < nose[0] < other[0] and left[1] < nose[1] < corner[1]
    x0, y0, x1, y1 = face.box
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert np.allclose(pose_of(face.points).box, face.box)


def test_confidence_falls_where_something_hides_the_face(finder, people):
    luma = _scene(5, (200, 300), (people[0][0], (60, 30)))
    points = people[1][0] + (60, 30)
    hidden = luma.copy()
    x, y, reach = int(points[3:, 0].mean()), int(points[3:, 1].mean()), int(0.6 * (points[1] - points[0])[0])
    hidden[y - reach // 2 : y + reach // 2, x - reach : x + reach] = 30
    plain, covered = (NetFinder.mark(finder, picture, [pose_of(points)]).confidence[0] for picture in (luma, hidden))
    assert covered[48:68].mean() < plain[48:68].mean() - 0.1
    assert covered[36:48].mean() > plain[36:48].mean() - 0.1


def test_find_faces_takes_colour_and_always_says_the_same(people):
    luma = _scene(6, (200, 300), (people[0][0], (60, 30)))
    rgb = cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)
    once, again, grey = find_faces(rgb), find_faces(rgb), make_finder("nets")(luma)
    assert len(once) == 1
    for other in (again, grey):
        assert all(np.array_equal(a, b) for a, b in zip(once[0], other[0], strict=True))


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), np.zeros((0, 8, 3), np.uint8)],
)
def test_find_faces_says_what_it_takes(wrong):
    with pytest.raises(Exception, match=r"uint8|UInt8"):
        find_faces(wrong)
