"""Log probabilities of classes against SciPy's."""

import numpy as np
import pytest
import scipy.special

from personalize.heads.gaussian import log_softmax


@pytest.mark.parametrize("shape", [(7, 1), (50, 2), (33, 20, 5), (0, 3)])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_equals_scipy_also_far_apart_and_for_classes_without_probability(shape, scale):
    score = scale * np.random.default_rng(0).normal(size=shape)
    score[..., 1:][score[..., 1:] > scale] = -np.inf
    found, known = log_softmax(score), scipy.special.log_softmax(score, axis=-1)
    there = np.isfinite(known)
    assert (np.isneginf(found) == ~there).all()
    np.testing.assert_allclose(found[there], known[there], rtol=1e-12, atol=1e-12)
