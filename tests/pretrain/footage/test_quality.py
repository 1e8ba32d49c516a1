import cv2
import numpy as np
import pytest

from personalize.phantom.face.landmarks import annotate
from personalize.phantom.face.render import render
from pretrain.clips.dataset import QUALITY
from pretrain.footage.finders import make_finder
from pretrain.footage.quality import INNER, certainty, fault, judge
from tests.support.portraits import plain, stack

GOOD = {"sharpness": 300.0, "brightness": 120.0, "face_size": 90.0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"face_size": 23}, "too_small"),
        ({"brightness": 19}, "dark"),
        ({"sharpness": 20}, "blurred"),
        ({"yaw": -61}, "profile"),
        ({"yaw": 59, "pitch": 70, "roll": 170}, None),
        ({"occlusion": 1, "confidence": 0}, None),  # told, not judged: patients wear masks
    ],
)
def test_reasons(change, reason):
    values = {**dict.fromkeys(QUALITY, 0.0), **GOOD, **change}
    assert fault(np.array([values[name] for name in QUALITY], np.float32), 40.0) == reason


def test_sharpness_falls_with_blur_and_brightness_is_the_mean():
    picture = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    sharpness, brightness = judge(picture)
    assert sharpness == pytest.approx(float(cv2.Laplacian(picture, cv2.CV_64F).var()))
    assert brightness == pytest.approx(float(picture.mean()))
    assert judge(cv2.GaussianBlur(picture, (0, 0), 2))[0] < 0.05 * sharpness


def test_what_hides_a_face_is_told():
    """On phantoms in masks, under hands and blankets: near the truth, and nothing on a bare face."""
    covers = [{}, {"oxygen_mask": 1}, {"hand": 1, "hand_side": 1}, {"blanket": 0.9}]
    faces = stack([plain(covers=cover, yaw=yaw, scale=0.6) for cover in covers for yaw in (-0.2, 0.0, 0.2)])
    hidden = 1 - annotate(faces, 160).visible[:, :68][:, INNER].mean(1)
    find = make_finder("nets")
    told = []
    for picture in render(faces, 160):
        (face,) = find(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        told.append(certainty(face)[1])
    told = np.reshape(told, (4, 3)).mean(1)
    truth = hidden.reshape(4, 3).mean(1)
    assert told[0] < 0.05
    assert np.abs(told - truth).max() < 0.25
