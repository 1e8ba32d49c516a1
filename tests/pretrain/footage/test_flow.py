import cv2
import numpy as np
import pytest

from pretrain.footage.flow import PATCH, Similarity, follow_patch, likeness


def _texture(seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (PATCH + 40, PATCH + 40))
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def _seen(picture, turn, scale, shift):
    """The middle of a picture after a similarity about it."""
    middle = (picture.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), turn, scale)
    matrix[:, 2] += shift
    return cv2.warpAffine(picture, matrix, picture.shape[::-1], flags=cv2.INTER_CUBIC)[20:-20, 20:-20].copy()


@pytest.mark.parametrize(("turn", "scale", "shift"), [(0, 1, (0, 0)), (0, 1, (3, -2)), (4, 1.04, (1, 2))])
def test_a_known_motion_is_found_and_undone(turn, scale, shift):
    picture = _texture()
    before, after = _seen(picture, 0, 1, (0, 0)), _seen(picture, turn, scale, shift)
    motion = follow_patch(before, after)
    assert motion is not None
    assert motion.a == pytest.approx(scale * np.exp(-1j * np.radians(turn)), abs=0.01)
    assert motion.b == pytest.approx(complex(*shift), abs=0.1)
    assert likeness(before, after, motion) > 0.99


def test_light_changes_no_likeness_and_another_texture_has_none():
    before, other = _seen(_texture(), 0, 1, (0, 0)), _seen(_texture(1), 0, 1, (0, 0))
    still = Similarity(1 + 0j, 0j)
    assert likeness(before, (0.6 * before + 40).astype(np.uint8), still) > 0.99
    assert abs(likeness(before, other, still)) < 0.5
    assert likeness(np.full_like(before, 90), before, still) == 0
