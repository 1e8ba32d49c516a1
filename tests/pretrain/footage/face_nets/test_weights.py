import hashlib
import shutil

import numpy as np
import pytest
from flax import nnx

from pretrain.footage.face_nets.detector import Detector
from pretrain.footage.face_nets.landmarker import Landmarker
from pretrain.footage.face_nets.weights import FOLDER, SUMS, packed, read, unpacked

NETS = {"detector": Detector, "landmarker": Landmarker}


def _small(rngs):
    return Detector((2, 3, 4), 1, rngs=rngs)


@pytest.mark.long
def test_what_is_packed_comes_out_again_in_half_precision():
    net = _small(nnx.Rngs(3))
    state = nnx.state(net)
    again = nnx.state(unpacked(_small, packed(state)))
    for (path, a), (other, b) in zip(nnx.to_flat_state(state), nnx.to_flat_state(again), strict=True):
        assert path == other
        assert np.array_equal(np.asarray(a[...], np.float16), np.asarray(b[...], np.float16))
        assert b[...].dtype == np.float32


@pytest.mark.long
def test_the_same_parameters_are_the_same_bytes():
    one, two, other = (packed(nnx.state(_small(nnx.Rngs(seed)))) for seed in (1, 1, 2))
    assert one == two != other


@pytest.mark.parametrize("name", NETS)
def test_shipped_weights_are_the_recorded_ones_and_finite(name):
    make = NETS[name]
    net = read(lambda rngs: make(rngs=rngs), name)
    assert all(np.isfinite(leaf[...]).all() for _, leaf in nnx.to_flat_state(nnx.state(net)))


def test_shipped_weights_are_small():
    assert sum(f.stat().st_size for f in FOLDER.glob("*.safetensors")) <= 2_000_000


def test_the_model_card_names_the_files_by_their_sums():
    card = (FOLDER / "README.md").read_text()
    for file in FOLDER.glob("*.safetensors"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in card


def test_a_flipped_bit_is_refused(tmp_path):
    for name in (SUMS, "detector.safetensors"):
        shutil.copy(FOLDER / name, tmp_path)
    file = tmp_path / "detector.safetensors"
    data = bytearray(file.read_bytes())
    data[-100] ^= 4
    file.write_bytes(data)
    with pytest.raises(ValueError, match=r"detector\.safetensors.*damaged"):
        read(lambda rngs: Detector(rngs=rngs), "detector", tmp_path)
