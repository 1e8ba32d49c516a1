"""Sharded = unsharded = naive, in value and gradient, on 1, 2 and 8 devices; and what a loss per device would do."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support import naive_objectives as naive
from tests.support.sharded_objectives import CELLS, CLIPS, DEVICES, TEMPERATURE, TRACKS, inputs

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    out = tmp_path_factory.mktemp("sharded") / "found.npz"
    command = [sys.executable, "-m", "tests.support.sharded_objectives", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(np.load(out))


@pytest.fixture(scope="module")
def expected():
    """Every objective's value and gradients by the naive loops."""
    x = {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in inputs().items()}
    n = TRACKS * CLIPS
    distance = naive.measure_distance(x["measures"].reshape(n, -1), x["known"].reshape(n, -1))
    counts = naive.candidate_counts(np.repeat(x["track"], CLIPS), x["time"].reshape(n), distance, 0.3, 0.1)
    targets = naive.soft_targets(distance, counts, 0.2)

    def contrastive(features, log_temperature):
        a, b = features.reshape(n, 2, -1).swapaxes(0, 1)
        return naive.info_nce(a, b, counts, targets, np.exp(log_temperature))

    def pairwise(features, head):
        args = (features[:, :, 0], head, x["measures"], x["known"])
        return naive.pairwise_loss(*args, 0.5) + naive.absolute_loss(*args)

    def masked(predicted):
        return naive.masked_loss(predicted, x["clips"], x["keep"], CELLS)

    cases = {
        "contrastive": (contrastive, [x["features"], np.log(TEMPERATURE)]),
        "pairwise": (pairwise, [x["features"], x["head"]]),
        "masked": (masked, [x["predicted"]]),
    }
    found = {}
    for name, (function, args) in cases.items():
        found[name, "value"] = function(*args)
        for i in range(len(args)):
            found[name, f"gradient{i}"] = naive.gradient(
                lambda moved, i=i, f=function, a=args: f(*a[:i], moved, *a[i + 1 :]), args[i]
            )
    return found


def assert_equals_naive(sharded, expected, name, devices, *, way=None):
    parts = [part for objective, part in expected if objective == name]
    assert parts[0] == "value"
    for part in parts:
        np.testing.assert_allclose(
            sharded[f"{way or name}/{devices}/{part}"], expected[name, part], rtol=1e-4, atol=1e-6, err_msg=part
        )


@pytest.mark.parametrize("devices", DEVICES)
@pytest.mark.parametrize("name", ["contrastive", "pairwise", "masked"])
def test_sharded_equals_naive(sharded, expected, name, devices):
    assert_equals_naive(sharded, expected, name, devices)


@pytest.mark.parametrize("devices", [2, 8])
def test_a_loss_per_device_looks_better_and_is_caught(sharded, expected, devices):
    assert sharded[f"per_device/{devices}/value"] < expected["contrastive", "value"] - 0.3
    with pytest.raises(AssertionError, match="value"):
        assert_equals_naive(sharded, expected, "contrastive", devices, way="per_device")
    assert_equals_naive(sharded, expected, "contrastive", 1, way="per_device")  # on one device it is right


@pytest.mark.parametrize("devices", [2, 8])
def test_whole_loss_and_all_its_gradients_are_those_of_one_device(sharded, devices):
    names = [key.split("/")[2] for key in sharded if key.startswith("whole/1/")]
    assert {"contrastive", "pairwise", "masked", "uniformity", "within_track_share", "gradient"} <= set(names)
    for name in names:
        one, many = sharded[f"whole/1/{name}"], sharded[f"whole/{devices}/{name}"]
        np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-5 * np.abs(one).max(), err_msg=name)
