import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.phantom.face.landmarks import annotate
from personalize.phantom.pictures.portraits import sample_portraits
from pretrain.footage.head_pose import FRONT, RIGID, SHAPE, head_pose


def _seen(yaw, pitch, roll, size, x, y):
    """68 landmarks of the rigid shape in a pose, by a rotation matrix; the others are far off."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    # y down: a positive pitch lifts what is in front
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    turn = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]]) @ turn
    turn = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ turn
    landmarks = np.full((68, 2), 1e4)
    landmarks[list(RIGID)] = (SHAPE @ turn.T)[:, :2] * size + (x, y)
    return landmarks, (turn @ (0, 0, FRONT))[:2] * size + (x + 0.5, y + 0.5)


ANGLE = st.floats(-0.8, 0.8)


@given(ANGLE, ANGLE, st.floats(-3, 3), st.floats(20, 400), st.floats(-50, 500), st.floats(-50, 500))
def test_a_known_pose_comes_back(yaw, pitch, roll, size, x, y):
    landmarks, centre = _seen(yaw, pitch, roll, size, x, y)
    found = head_pose(landmarks)
    # the prior pulls a little to the front, and more where the head is turned and nods as far as it goes
    near = 0.08 if max(abs(yaw), abs(pitch)) <= 0.7 else 0.13
    assert (found.yaw, found.pitch) == pytest.approx((yaw, pitch), abs=near)
    assert found.pose.size == pytest.approx(size, rel=0.02)
    assert (found.pose.x, found.pose.y) == pytest.approx(tuple(centre), abs=0.03 * size)
    assert np.cos(found.pose.roll - roll) > 0.997


def test_size_does_not_follow_turns_of_the_head():
    """The distance between the eyes shrinks by a third at 45 degrees, the size by little."""
    sizes = [head_pose(_seen(yaw, 0, 0, 100, 0, 0)[0]).pose.size for yaw in np.radians([-45, -20, 0, 20, 45])]
    assert np.ptp(sizes) < 2


@pytest.mark.long
def test_the_turn_of_phantoms_is_told():
    """Other people than the average, with expressions, from their exact landmarks."""
    faces, _ = sample_portraits(3, 40)
    found = [head_pose(points) for points in annotate(faces, 128).landmarks]
    for name, limit in (("yaw", 4), ("pitch", 6)):
        wrong = np.degrees([getattr(f, name) for f in found] - getattr(faces.view, name))
        assert np.abs(wrong).mean() < limit
