import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.footage.face_nets.pyramid import GAP, UNIT, canvas


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 4))
def test_every_size_lies_on_the_canvas_apart_from_the_others(height, width, levels):
    picture, tiles = canvas(np.full((height, width), 200, np.uint8), 320, levels)
    taken = np.zeros(picture.shape, int)
    for t in tiles:
        assert t.x >= 0 and t.y >= 0 and t.x + t.width <= picture.shape[1] and t.y + t.height <= picture.shape[0]
        taken[t.y : t.y + t.height, t.x : t.x + t.width] += 1
        near = taken[max(0, t.y - GAP + 1) : t.y + t.height + GAP - 1, max(0, t.x - GAP + 1) : t.x + t.width + GAP - 1]
        assert near.sum() == t.width * t.height or len(tiles) > 1
    assert taken.max() == 1
    assert not any(side % UNIT for side in picture.shape)
    assert (picture[taken == 1] == 200).all() and (picture[taken == 0] == 128).all()
    assert len(tiles) == levels


@pytest.mark.parametrize("shape", [(180, 320), (320, 180), (720, 1280), (90, 70)])
def test_a_spot_is_found_where_its_tile_says(shape):
    luma = np.zeros(shape, np.uint8)
    y, x = shape[0] * 0.6, shape[1] * 0.3
    luma[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8] = 255
    picture, tiles = canvas(luma, 320, 3)
    for t in tiles:
        part = picture[t.y : t.y + t.height, t.x : t.x + t.width].astype(float)
        rows, columns = np.mgrid[0 : t.height, 0 : t.width] + 0.5
        place = (part * columns).sum() / part.sum() * t.scale, (part * rows).sum() / part.sum() * t.scale
        assert np.allclose(place, (int(x), int(y)), atol=0.5 * t.scale)


def test_pictures_of_like_size_share_a_canvas():
    shapes = {canvas(np.zeros((h, w), np.uint8), 320, 4)[0].shape for h, w in ((360, 640), (720, 1280), (178, 318))}
    assert len(shapes) == 1
