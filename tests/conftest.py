"""Shared fixtures. The network is closed for every test."""

import os
import socket
import tempfile

import jax
import pytest

from pretrain.clips.dataset import write_clips
from tests.support.drawn import moving_records

# Test processes and the subprocesses they start share what they have compiled.
_compiled = tempfile.TemporaryDirectory(prefix="wince-test-xla-")
for name, value in {
    "jax_compilation_cache_dir": _compiled.name,
    "jax_persistent_cache_min_compile_time_secs": 0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}.items():
    os.environ.setdefault(name.upper(), str(value))
    jax.config.update(name, value)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Connecting anywhere but to this machine is an error."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _ordinary_priority():
    """No test may leave its process with real-time priority (an encoder has), which all that it starts inherits."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.fixture(scope="module")
def compile_quickly():
    """For tests, and processes they start, that compile more than they compute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        jax.config.update("jax_disable_most_optimizations", True)
        yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="session")
def drawn_clips(tmp_path_factory):
    """A clip dataset of drawn faces: 8 tracks of 10 s at 10 frames per second, 32 px."""
    folder = tmp_path_factory.mktemp("clips")
    write_clips(moving_records(), folder, 32)
    return folder
