"""The warp to the mean shape, on pictures of which one knows where everything is."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.phantom.face.landmarks import _points
from personalize.phantom.face.looks import sample_looks
from personalize.phantom.face.render import pose
from personalize.signals.mean_shape import ANCHORS, SIDE, mean_shape, to_mean_shape
from tests.support.portraits import plain, stack

TARGETS = {36: 110 + 71j, 45: 210 + 71j, 57: 160 + 170j}
CROP = 200


def place(points: np.ndarray, turn: float = 0.0, scale: float = 0.6, x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """The mean shape somewhere in a crop."""
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    return (points - SIDE / 2) @ np.array([[c, s], [-s, c]]) + [CROP / 2 + x, CROP / 2 + y]


def painted(matrix: np.ndarray, seed: int = 0) -> np.ndarray:
    """A soft coloured picture, seen through an affine map from pixels (x, y, 1) of the crop to its own."""
    rng = np.random.default_rng(seed)
    row, column = np.indices((CROP, CROP))
    x, y = np.moveaxis(np.stack([column, row, np.ones_like(row)], axis=-1) @ matrix.T, -1, 0)
    waves = [np.sin(x / a + p) + np.cos(y / b + q) for a, b, p, q in rng.uniform((8, 8, 0, 0), (20, 20, 6, 6), (3, 4))]
    return np.clip(128 + 50 * np.stack(waves, axis=-1), 0, 255).astype(np.uint8)


def inverse(matrix: np.ndarray) -> np.ndarray:
    return np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]


def test_the_anchors_are_the_39_and_fill_the_picture():
    assert len(ANCHORS) == len(set(ANCHORS)) == 39
    shape = mean_shape()[ANCHORS]
    size = np.ptp(shape, axis=0)
    assert size.max() == pytest.approx(SIDE) and size.min() > 0.8 * SIDE
    np.testing.assert_allclose((shape.min(axis=0) + shape.max(axis=0)) / 2, (SIDE - 1) / 2)


@pytest.mark.parametrize("landmark", [*TARGETS, 8, 21, 30, 48])
@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_landmarks_land_where_they_should(landmark, turn):
    """A dot on a landmark of a face of another shape is a dot on that of the mean shape."""
    rng = np.random.default_rng(landmark)
    points = place(mean_shape() + rng.normal(0, 2, (68, 2)), turn)
    row, column = np.indices((CROP, CROP))
    far = np.hypot(column - points[landmark, 0], row - points[landmark, 1])
    crop = np.repeat((255 * np.exp(-((far / 2.5) ** 2)))[..., None], 3, axis=-1).astype(np.uint8)
    found = to_mean_shape(crop, points).astype(float)
    row, column = np.indices(found.shape)
    at = mean_shape()[landmark]
    near = np.hypot(column - at[0], row - at[1]) < 12
    weight = np.where(near, found - np.median(found[near]), 0).clip(0) ** 2
    centre = np.array([(weight * column).sum(), (weight * row).sum()]) / weight.sum()
    inwards = 3.0 if landmark in (8, 21) else 1.2  # at the edge of the face half of the dot is cut off
    np.testing.assert_allclose(centre, at, atol=inwards)


@settings(deadline=None, max_examples=25)
@given(
    st.floats(-0.5, 0.5), st.floats(0.8, 1.2), st.floats(0.8, 1.2), st.floats(-0.15, 0.15), st.floats(-8, 8),
    st.integers(0, 99),
)  # fmt: skip
def test_a_face_that_is_moved_by_an_affine_map_looks_the_same(turn, wide, high, shear, shift, seed):
    """Turned, stretched and sheared: the picture and its landmarks alike."""
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = rotation @ np.array([[wide, shear], [0.0, high]])
    middle = np.full(2, CROP / 2)
    matrix = np.column_stack([linear, middle - linear @ middle + shift])
    points = place(mean_shape() + np.random.default_rng(seed).normal(0, 1, (68, 2)))
    moved = points @ linear.T + matrix[:, 2]
    still = to_mean_shape(painted(np.eye(3)[:2], seed), points).astype(float)
    found = to_mean_shape(painted(inverse(matrix), seed), moved).astype(float)
    assert np.abs(found - still).mean() < 2
    assert np.corrcoef(found.ravel(), still.ravel())[0, 1] > 0.995


def test_the_place_of_other_landmarks_does_not_matter():
    points, crop = place(mean_shape()), painted(np.eye(3)[:2])
    others = np.setdiff1d(np.arange(68), ANCHORS)
    elsewhere = points.copy()
    elsewhere[others] += 9
    np.testing.assert_array_equal(to_mean_shape(crop, points), to_mean_shape(crop, elsewhere))
    elsewhere[ANCHORS[0]] += 9
    assert (to_mean_shape(crop, points) != to_mean_shape(crop, elsewhere)).any()


def test_each_triangle_is_warped_by_itself():
    """A corner of the mouth that is drawn aside leaves the eyes as they were."""
    points, crop = place(mean_shape()), painted(np.eye(3)[:2])
    moved = points.copy()
    moved[48] += [-6, 2]
    changed = to_mean_shape(crop, points) != to_mean_shape(crop, moved)
    mouth, eye = mean_shape()[48], mean_shape()[36:48].mean(axis=0)
    assert changed[int(mouth[1]) - 5 : int(mouth[1]) + 5].any()
    assert not changed[: int(eye[1]) - 5].any()


def test_there_is_nothing_outside_the_face_and_contrast_inside():
    found = to_mean_shape(np.full((CROP, CROP, 3), 90, np.uint8), place(mean_shape()))
    outline = cv2.convexHull(mean_shape()[ANCHORS].astype(np.float32))
    row, column = np.indices((SIDE, SIDE))
    inside = [
        cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in zip(column.flat, row.flat, strict=True)
    ]
    depth = np.array(inside).reshape(SIDE, SIDE)
    assert found[depth < -1].max() < 10 < 90 <= found[depth > 1].min()
    soft = (painted(np.eye(3)[:2]) // 8 + 100).astype(np.uint8)
    seen = to_mean_shape(soft, place(mean_shape()))[depth > 1]
    assert seen.std() > 1.3 * cv2.cvtColor(soft, cv2.COLOR_RGB2GRAY).std()


def test_landmarks_beyond_the_crop_repeat_its_border():
    crop = np.full((CROP, CROP, 3), 120, np.uint8)
    near, beyond = place(mean_shape()), place(mean_shape(), x=120)
    np.testing.assert_array_equal(to_mean_shape(crop, near), to_mean_shape(crop, beyond))


def test_the_mean_shape_is_that_of_the_phantoms(compile_quickly):
    """As the module tells, with fewer faces; in one scale and place, as the result does not depend on them."""
    people = [sample_looks(np.random.default_rng([36, i]))[0] for i in range(24)]
    faces = stack([plain()._replace(looks=looks) for looks in people])
    nothing = np.zeros((len(people), 128, 128), bool)  # hides the faces; `annotate` would compile all of the renderer
    points = np.asarray(_points(faces, pose(faces, size=128), nothing, size=128)[0])[:, :68].astype(float)
    z = points[..., 0] + 1j * points[..., 1]
    own, target = z[:, [*TARGETS]], np.array([*TARGETS.values()])
    middle = own.mean(axis=1, keepdims=True)
    turn = ((own - middle).conj() * (target - target.mean())).sum(axis=1) / (np.abs(own - middle) ** 2).sum(axis=1)
    mean = (turn[:, None] * (z - middle) + target.mean()).mean(axis=0)
    found = np.stack([mean.real, mean.imag], axis=1)
    low, high = found[ANCHORS].min(axis=0), found[ANCHORS].max(axis=0)
    found = (found - (low + high) / 2) * SIDE / (high - low).max() + (SIDE - 1) / 2
    assert np.abs(found - mean_shape()).max() < 4
    twin = mean_shape()[[16, 45, 54]] * [-1, 1] + [SIDE - 1, 0]
    np.testing.assert_allclose(mean_shape()[[0, 36, 48]], twin, atol=0.1)
