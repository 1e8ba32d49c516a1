"""Checkpoints: what is kept, and that damage is noticed and passed over."""

import gc

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pretrain.errors import RunFailure, UserError
from pretrain.training.checkpoints import Checkpoints, fingerprint


def state_at(step):
    rng = np.random.default_rng(step)
    return {"w": jnp.asarray(rng.normal(size=(64, 64)), jnp.float32), "step": jnp.asarray(step, jnp.int32)}


# Orbax leaves its coroutines and event loop to the garbage collector when a load fails
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ABSTRACT = jax.eval_shape(lambda: state_at(0))


@pytest.fixture(autouse=True)
def _collected():
    """What a failed load left behind is collected here, not in the midst of another test."""
    yield
    gc.collect()


@pytest.fixture
def saved(tmp_path):
    with Checkpoints(tmp_path / "checkpoints", keep=2) as checkpoints:
        for step in (0, 10, 20, 30):
            checkpoints.save(step, state_at(step))
        checkpoints.wait()
    return tmp_path / "checkpoints"


def flip_a_byte(folder):
    """Flips one byte in the middle of the largest file of a checkpoint."""
    largest = max((f for f in folder.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 0x40
    largest.write_bytes(bytes(data))


def test_first_and_newest_are_kept(saved):
    with Checkpoints(saved) as checkpoints:
        assert checkpoints.steps == [0, 20, 30]
        state = checkpoints.load(20, ABSTRACT)
    assert (np.asarray(state["w"]) == np.asarray(state_at(20)["w"])).all()


def test_every_save_is_made(tmp_path):
    with Checkpoints(tmp_path / "c", keep=50) as checkpoints:
        for step in range(12):
            checkpoints.save(step, state_at(step))
        checkpoints.wait()
        assert checkpoints.steps == list(range(12))


def test_flipped_byte_is_noticed_and_passed_over(saved):
    flip_a_byte(saved / "30")
    warnings = []
    with Checkpoints(saved) as checkpoints:
        with pytest.raises(RunFailure):
            checkpoints.load(30, ABSTRACT)
        step, state = checkpoints.load_newest(ABSTRACT, warnings.append)
    assert step == 20
    assert int(state["step"]) == 20
    assert len(warnings) == 1
    assert "30" in warnings[0]


def test_all_damaged_is_a_failure_not_a_fresh_start(saved):
    for step in ("0", "20", "30"):
        flip_a_byte(saved / step)
    with Checkpoints(saved) as checkpoints, pytest.raises(RunFailure, match="no checkpoint"):
        checkpoints.load_newest(ABSTRACT, lambda line: None)


def test_empty_folder_has_none(tmp_path):
    with Checkpoints(tmp_path / "new") as checkpoints:
        assert checkpoints.load_newest(ABSTRACT, print) is None


def test_unknown_step_names_those_that_are_there(saved):
    with Checkpoints(saved) as checkpoints, pytest.raises(UserError, match="there are: 0, 20, 30"):
        checkpoints.load(11, ABSTRACT)


def test_other_shape_and_other_type_are_refused(saved):
    other_shape = ABSTRACT | {"w": jax.ShapeDtypeStruct((64, 65), jnp.float32)}
    other_type = ABSTRACT | {"w": jax.ShapeDtypeStruct((64, 64), jnp.bfloat16)}
    with Checkpoints(saved) as checkpoints:
        for wrong in (other_shape, other_type):
            with pytest.raises(RunFailure):
                checkpoints.load(30, wrong)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int32, jnp.uint8])
def test_fingerprint_sees_any_bit(dtype):
    x = jnp.arange(100).astype(dtype)
    before = int(fingerprint({"x": x}))
    assert before == int(fingerprint({"x": jnp.array(x)}))
    for i in (0, 57, 99):
        assert int(fingerprint({"x": x.at[i].set(x[i] + 1)})) != before
