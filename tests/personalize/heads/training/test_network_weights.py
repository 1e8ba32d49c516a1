"""Starting from a file: what is taken, and what is refused by name."""

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from personalize.heads.networks.network import Described, NetworkConfig, shapes
from personalize.heads.networks.pictures import Blocks
from personalize.heads.training.weights import Weights, save_weights, with_weights
from pretrain.errors import UserError

DESCRIBED = Described(
    NetworkConfig(Blocks(channels=(4,), convolutions=(1,), norm="batch"), dense=(6,)), (6, 6), 2
)  # fmt: skip
KERNEL = "parameters.stages.parts.block_1.units.parts.conv_1.conv.kernel"


def model(seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes(DESCRIBED))


def test_what_was_saved_comes_back(tmp_path):
    save_weights(model(1), tmp_path / "w.safetensors")
    found = with_weights(model(2), Weights(tmp_path / "w.safetensors"))
    assert jax.tree.structure(found) == jax.tree.structure(model(1))
    assert all((a == b).all() for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(model(1)), strict=True))


def test_a_part_is_taken_and_the_rest_left(tmp_path):
    file = tmp_path / "w.safetensors"
    save_weights(model(1), file)
    some = {name: leaf for name, leaf in load_file(file).items() if ".stages." in name}
    save_file(some, file)
    found = with_weights(model(2), Weights(file, only="*.stages.*"))
    part = found.parameters["stages"]["parts"]["dense_1"]["linear"]["kernel"]
    assert (part == model(1).parameters["stages"]["parts"]["dense_1"]["linear"]["kernel"]).all()
    assert (found.parameters["outputs"]["kernel"] == model(2).parameters["outputs"]["kernel"]).all()


def lost(stored):
    return stored.pop(KERNEL)


def turned(stored):
    stored[KERNEL] = np.ascontiguousarray(stored[KERNEL].transpose(3, 2, 0, 1))


def renamed(stored):
    stored[KERNEL + "s"] = stored.pop(KERNEL)


def more(stored):
    stored["head.bias"] = np.zeros(3, np.float32)


def broken(stored):
    stored[KERNEL] = stored[KERNEL] * np.nan


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lost, rf"'{KERNEL}' is not there"),
        (turned, rf"'{KERNEL}' has shape \[4, 1, 3, 3\]; the network's is \[3, 3, 1, 4\]"),
        (renamed, rf"'{KERNEL}' is not there; did you mean '{KERNEL}s'"),
        (more, r"'head.bias' is not asked for"),
        (broken, rf"'{KERNEL}' has numbers that are not finite"),
    ],
)
def test_the_first_name_that_differs_is_told(tmp_path, spoil, message):
    file = tmp_path / "w.safetensors"
    save_weights(model(1), file)
    stored = load_file(file)
    spoil(stored)
    save_file(stored, file)
    with pytest.raises(UserError, match=message):
        with_weights(model(2), Weights(file))


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        with_weights(model(2), Weights(tmp_path / "nothing.safetensors"))
    (tmp_path / "text.safetensors").write_text("weights")
    with pytest.raises(UserError, match="cannot be read"):
        with_weights(model(2), Weights(tmp_path / "text.safetensors"))
    save_weights(model(1), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="no name of the network matches 'trunk"):
        with_weights(model(2), Weights(tmp_path / "w.safetensors", only="trunk.*"))
