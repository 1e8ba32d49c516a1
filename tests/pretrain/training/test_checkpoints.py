"""Checkpoints: what is kept, and that damage is noticed and passed over."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pretrain.errors import RunFailure, UserError
from pretrain.training.checkpoints import Checkpoints, fingerprint

ROOT = Path(__file__).resolve().parents[3]


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


def test_what_is_newer_than_the_intact_one_is_dropped_and_made_again(saved):
    flip_a_byte(saved / "30")
    with Checkpoints(saved, keep=1) as checkpoints:
        step, _ = checkpoints.load_newest(ABSTRACT, lambda line: None)
        checkpoints.drop_after(step)
        assert checkpoints.steps == [0, 20]
        checkpoints.save(25, state_at(25))
        checkpoints.wait()
        assert checkpoints.steps == [0, 25]
        assert int(checkpoints.load(25, ABSTRACT)["step"]) == 25


def test_best_and_every_nth_are_kept_too(tmp_path):
    values = {0: 0.9, 10: 0.1, 20: 0.8, 30: float("nan"), 40: 0.3, 50: 0.8, 60: 0.2, 70: float("inf"), 80: 0.0}
    with Checkpoints(tmp_path / "c", keep=1, keep_every=40, keep_best=2) as checkpoints:
        for step, value in values.items():
            checkpoints.rate(step, value)
            checkpoints.save(step, state_at(step))
        checkpoints.wait()
        # step 0 is one of the two best; of the two that are equally good the later
        assert checkpoints.steps == [0, 40, 50, 80]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_never_saved(saved, bad):
    state = state_at(40)
    state["w"] = state["w"].at[3, 5].set(bad)
    with Checkpoints(saved, keep=2) as checkpoints:
        with pytest.raises(RunFailure, match=r"step 40 is not finite; the last good checkpoint is 30$"):
            checkpoints.save(40, state)
        assert checkpoints.steps == [0, 20, 30]


def test_reader_leaves_a_save_that_is_under_way(saved):
    under_way = saved / "40.orbax-checkpoint-tmp"
    under_way.mkdir()
    with Checkpoints(saved, reads=True) as checkpoints:
        assert checkpoints.steps == [0, 20, 30]
    assert under_way.is_dir()


OTHER_MESHES = """
import json, pathlib, sys
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_platforms", "cpu"); jax.config.update("jax_num_cpu_devices", 8)
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec as P
from pretrain.training.checkpoints import Checkpoints, fingerprint
def placed(shape, devices):
    mesh = Mesh(np.array(jax.devices()[:devices]).reshape(shape), ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)
    spec = {"w": P(None, "fsdp"), "v": P(), "on": P("fsdp"), "step": P()}
    return {k: NamedSharding(mesh, s) for k, s in spec.items()}
def state(shape, devices):
    values = {"w": np.arange(64 * 48, dtype=np.float32).reshape(64, 48) / 7, "v": np.float32([1.5, 2, -3]),
              "on": np.arange(8) % 3 == 0, "step": np.int32(20)}
    return {k: jax.device_put(v, placed(shape, devices)[k]) for k, v in values.items()}
one, out = state((1, 1), 1), {}
with Checkpoints(pathlib.Path(sys.argv[1])) as checkpoints:
    checkpoints.save(20, state((4, 2), 8)); checkpoints.wait()
    for shape in ((1, 1), (1, 8), (2, 2), (4, 2)):
        wanted = placed(shape, shape[0] * shape[1])
        abstract = {k: jax.ShapeDtypeStruct(v.shape, v.dtype, sharding=wanted[k]) for k, v in one.items()}
        found = checkpoints.load(20, abstract)
        assert all(found[k].sharding == wanted[k] for k in one), shape
        assert all((np.asarray(found[k]) == np.asarray(one[k])).all() for k in one), shape
        out[str(shape)] = int(fingerprint(found))
print(json.dumps(out))
"""


@pytest.mark.slow
def test_saved_on_one_mesh_and_loaded_onto_others(tmp_path):
    script = [sys.executable, "-c", OTHER_MESHES, str(tmp_path / "c")]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 4
    assert len(set(found.values())) == 1


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


def test_fingerprint_is_the_weighted_sum_that_it_says():
    rng = np.random.default_rng(0)
    tree = {"a": rng.normal(size=(3, 4, 5)).astype(np.float32), "b": np.int32(7), "c": rng.random(6) < 0.5}
    wanted = 17
    for leaf in jax.tree.leaves(tree):
        bits = leaf.astype(np.uint8) if leaf.dtype == bool else np.asarray(leaf).view(np.uint32)
        total = sum(int(b) * (i * 2654435761 % 2**32 | 1) for i, b in enumerate(bits.reshape(-1)))
        wanted = (wanted * 31 + total) % 2**32
    assert int(fingerprint(tree)) == wanted
