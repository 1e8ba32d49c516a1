import numpy as np

from pretrain.footage.cuts import CutTest


def _cuts(pictures):
    test = CutTest()
    return [i for i, picture in enumerate(pictures) if test(picture)]


def test_a_new_scene_is_a_cut_at_any_size():
    rng = np.random.default_rng(0)
    for height, width in ((90, 120), (360, 640), (1080, 1920)):
        scenes = [np.kron(rng.integers(0, 255, (9, 12)), np.ones((height // 9, width // 12))) for _ in range(2)]
        film = [np.clip(s + rng.normal(0, 3, s.shape), 0, 255).astype(np.uint8) for s in scenes for _ in range(8)]
        assert _cuts(film) == [8]


def test_motion_light_and_noise_are_none():
    ramp = np.linspace(0, 150, 640)[None].repeat(360, 0)
    rng = np.random.default_rng(0)
    moving = [np.roll(ramp, 12 * i, 1).astype(np.uint8) for i in range(20)]
    brighter = [np.clip(ramp + 8 * i, 0, 255).astype(np.uint8) for i in range(12)]
    noisy = [rng.integers(90, 160, (360, 640)).astype(np.uint8) for _ in range(10)]
    assert (_cuts(moving), _cuts(brighter), _cuts(noisy)) == ([], [], [])


def test_another_size_is_a_cut():
    assert _cuts([np.zeros((90, 120), np.uint8)] * 3 + [np.zeros((120, 90), np.uint8)] * 3) == [3]
