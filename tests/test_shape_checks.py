"""The pytest flag really checks shapes: without it the jaxtyping annotations would be mere comments."""

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

from pretrain.objectives.pairwise import differences


def test_wrong_shape_is_refused():
    with pytest.raises(TypeCheckError):
        differences(jnp.zeros((2, 3, 4)), jnp.zeros((5, 6)))
