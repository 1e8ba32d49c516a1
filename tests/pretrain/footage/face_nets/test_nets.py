import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pretrain.footage.face_nets.detector import STRIDE, Detector, levelled
from pretrain.footage.face_nets.landmarker import MARGIN, POINTS, SIDE, Landmarker, _means, _shares, grid, standardised


def test_a_point_is_the_mean_of_its_map():
    """Against a loop over cells."""
    maps = jax.random.normal(jax.random.PRNGKey(0), (2, 6, 6, 3)) * 3
    points, spread = _means(_shares(maps))
    for n in range(2):
        for p in range(3):
            share = np.exp(np.asarray(maps[n, :, :, p], np.float64))
            share /= share.sum()
            cells = [
                (share[r, c], ((c + 0.5) / 6 - 0.5) * MARGIN, ((r + 0.5) / 6 - 0.5) * MARGIN)
                for r in range(6)
                for c in range(6)
            ]
            x, y = (sum(cell[0] * cell[k] for cell in cells) for k in (1, 2))
            away = sum(s * ((cx - x) ** 2 + (cy - y) ** 2) for s, cx, cy in cells)
            assert np.allclose(points[n, p], (x, y), atol=1e-5)
            assert spread[n, p] == pytest.approx(np.sqrt(away), abs=1e-4)


def test_a_peaked_map_gives_its_cell():
    maps = jnp.full((1, 8, 8, 1), -50.0).at[0, 2, 5, 0].set(50.0)
    assert np.allclose(_means(_shares(maps))[0][0, 0], (grid(8)[5], grid(8)[2]), atol=1e-6)


@pytest.mark.long
def test_whether_a_point_is_in_sight_is_read_off_where_it_lies():
    """Its logit follows the net's own features there, and nothing else."""
    net = Landmarker(rngs=nnx.Rngs(0))
    crops = jax.random.uniform(jax.random.PRNGKey(1), (2, SIDE, SIDE)) * 100 + 50
    assert np.allclose(net(crops).seen, 0)
    net.seen[...] = jnp.zeros_like(net.seen[...]).at[3, -1].set(2.0).at[5, 0].set(1.0)
    seen = np.asarray(net(crops).seen)
    assert np.allclose(seen[:, 3], 2.0) and np.abs(seen[:, 5]).min() > 0
    assert np.allclose(np.delete(seen, [3, 5], axis=1), 0)


@pytest.mark.long
def test_the_landmark_net_does_not_mind_brightness_and_contrast():
    net = Landmarker(rngs=nnx.Rngs(0))
    crops = jax.random.uniform(jax.random.PRNGKey(1), (2, SIDE, SIDE)) * 100 + 50
    plain, other = net(crops), net(1.4 * crops - 20)
    assert plain.points.shape == (2, POINTS, 2) and plain.face.shape == (2,)
    assert np.allclose(plain.points, other.points, atol=0.02)
    assert np.isfinite(net(jnp.full((1, SIDE, SIDE), 7.0)).points).all()


def test_standardised_crops_have_mean_0_and_spread_1():
    x = standardised(jax.random.uniform(jax.random.PRNGKey(1), (2, 20, 20)) * 200)
    assert np.allclose(x.mean((1, 2)), 0, atol=1e-4) and np.allclose(x.std((1, 2)), 1, atol=0.1)
    assert not standardised(jnp.full((1, 5, 5), 9.0)).any()


def test_levelling_compares_each_pixel_with_its_surroundings():
    """Against a loop over windows."""
    picture = np.random.default_rng(0).uniform(0, 255, (12, 9))
    out = levelled(jnp.asarray(picture[None], jnp.float32), window=5)[0]
    padded = np.pad(picture, 2, mode="edge")
    for y in range(12):
        for x in range(9):
            part = padded[y : y + 5, x : x + 5]
            assert out[y, x] == pytest.approx((picture[y, x] - part.mean()) / (part.std() + 6), abs=2e-3)


@pytest.mark.long
def test_the_detector_says_the_same_wherever_a_thing_is():
    """A shift of the picture by whole cells shifts what is said, far from the borders."""
    net = Detector(rngs=nnx.Rngs(0))
    picture = np.random.default_rng(0).uniform(0, 255, (256, 256)).astype(np.float32)
    moved = np.roll(picture, (2 * STRIDE, 3 * STRIDE), (0, 1))
    here, there = (net(jnp.asarray(p[None])) for p in (picture, moved))
    rows, columns = slice(14, 17), slice(14, 16)
    assert np.allclose(here.face[0, rows, columns], there.face[0, 16:19, 17:19], atol=1e-3)
    assert np.allclose(here.box[0, rows, columns], there.box[0, 16:19, 17:19], atol=1e-3)
