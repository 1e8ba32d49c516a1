import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.footage.align import FIVE, MARGIN, Pose, crop_jpeg, crop_luma, crop_to_frame, face_of, pose_of, warp
from pretrain.footage.video import Frame


def _dot(x, y, shape=(240, 320)):
    """A soft bright dot whose centre is at (x, y), where pixel centres are at halves."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    return (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 6.0**2))).astype(np.uint8)


def _centre(picture):
    rows, columns = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]] + 0.5
    weight = picture.astype(float)
    return (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()


def _frame(luma, blue=128, red=128, full_range=True, bt709=False):
    half = tuple((n + 1) // 2 for n in luma.shape)
    return Frame(0, 0.0, False, luma, np.full(half, blue, np.uint8), np.full(half, red, np.uint8), full_range, bt709)


@pytest.mark.parametrize("size", [40.0, 90.0, 170.0])
@pytest.mark.parametrize("roll", [0.0, 0.4, -0.7])
def test_a_point_of_the_face_lands_where_the_pose_says(size, roll):
    pose = Pose(160.3, 118.7, size, roll)
    u, v = 0.15, -0.1  # right of and above the centre, in crop sides
    x = pose.x + MARGIN * size * (u * math.cos(roll) - v * math.sin(roll))
    y = pose.y + MARGIN * size * (u * math.sin(roll) + v * math.cos(roll))
    crop = crop_luma(_frame(_dot(x, y)), pose, 64)
    assert _centre(crop) == pytest.approx((64 * (0.5 + u), 64 * (0.5 + v)), abs=0.25)


def test_a_dot_does_not_wobble_when_a_large_face_is_shrunk():
    """The averaging before the warp keeps positions to a fraction of a crop pixel."""
    wide = (900, 900)
    spots = [
        _centre(crop_luma(_frame(_dot(450 + d, 450, wide)), Pose(450.0 + d, 450.0, 500.0), 64))
        for d in np.arange(0, 12, 0.7).tolist()
    ]
    assert np.std(spots, axis=0).max() < 0.05


def test_the_face_in_a_wide_crop_is_that_of_a_narrow_one():
    frame, pose = _frame(_dot(150, 110)), Pose(152.0, 108.0, 120.0, 0.2)
    narrow, wide = (face_of(crop_luma(frame, pose, round(80 * m), MARGIN * m), MARGIN * m, 64) for m in (1.0, 1.5))
    assert np.abs(narrow.astype(int) - wide).max() <= 3


@given(st.floats(-300, 700), st.floats(-300, 700), st.floats(5, 2000), st.floats(-3, 3))
def test_any_pose_gives_a_crop(x, y, size, roll):
    plane = np.full((120, 160), 77, np.uint8)
    crop = warp(plane, crop_to_frame(Pose(x, y, size, roll), 48), 48)
    assert crop.shape == (48, 48)
    assert (crop == 77).all()  # the border is repeated: nothing foreign comes in


@pytest.mark.parametrize("rgb", [(200, 60, 40), (30, 180, 90), (128, 128, 128)])
@pytest.mark.parametrize(("full_range", "bt709"), [(False, False), (True, False), (False, True)])
def test_colours_survive(rgb, full_range, bt709):
    """Y'CbCr by the textbook and back through the crop."""
    kr, kb = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    r, g, b = (c / 255 for c in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    luma = 255 * y if full_range else 16 + 219 * y
    blue, red = (128 + (255 if full_range else 224) * c for c in (cb, cr))
    frame = _frame(np.full((100, 100), round(luma), np.uint8), round(blue), round(red), full_range, bt709)
    pose = Pose(50.0, 50.0, 40.0)
    jpeg = crop_jpeg(frame, pose, crop_luma(frame, pose, 48))
    crop = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert crop.shape == (48, 48, 3)
    assert np.abs(crop.reshape(-1, 3).mean(0) - rgb).max() < 4


@settings(deadline=None)
@given(
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.floats(5, 400),
    st.floats(-3.1, 3.1),
    st.lists(st.floats(-1, 1), min_size=10, max_size=10),
)
def test_a_pose_is_that_of_the_five_points(x, y, size, roll, noise):
    """Exact where the points lie as in `FIVE`; where they do not, moving, turning and growing them does the same to
    the pose."""
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])

    def placed(points):
        return size * points @ turn.T + (x, y) - 0.5

    exact = pose_of(placed(FIVE))
    assert np.allclose((exact.x, exact.y, exact.size), (x, y, size), atol=1e-6 * size + 1e-9)
    assert np.isclose(np.exp(1j * exact.roll), np.exp(1j * roll))
    odd = FIVE + 0.05 * np.reshape(noise, (5, 2))
    own, moved = pose_of(odd - 0.5), pose_of(placed(odd))
    assert np.allclose(size * turn @ (own.x, own.y) + (x, y), (moved.x, moved.y), atol=1e-6 * size + 1e-9)
    assert np.isclose(moved.size, size * own.size)
