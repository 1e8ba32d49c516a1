"""Programs that are compiled with little care, for tests that compile more than they compute."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import jax
import pytest

from pipelines.cli import main


@contextmanager
def compiled_quickly() -> Iterator[None]:
    """Within it this process, and those that it starts, leave out most optimisations."""
    before = jax.config.read("jax_disable_most_optimizations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        jax.config.update("jax_disable_most_optimizations", True)
        try:
            yield
        finally:
            jax.config.update("jax_disable_most_optimizations", before)


def wince(*words: object) -> int:
    """Runs a command; films are drawn and searched by programs that compute more than they take to compile."""
    command: Sequence[str] = [str(word) for word in words]
    with nullcontext() if command[0] in ("phantom", "prepare", "predict") else compiled_quickly():
        return main(command)
