"""Shared fixtures. The network is closed for every test."""

import os
import socket
import tempfile

# Tests compile more than they compute, and these emitters take most of the time; flags that are given are kept.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import jax
import pytest

from pretrain.clips.dataset import write_clips
from tests.support.drawn import moving_records

# Test processes and the subprocesses they start share what they have compiled, in the folder of the first of them.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _compiled = tempfile.TemporaryDirectory(prefix="wince-test-xla-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _compiled.name
os.environ |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What is long is slow, too."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker("slow")


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
    from tests.support.quickly import compiled_quickly

    with compiled_quickly():
        yield


@pytest.fixture(scope="module")
def prepare_here():
    """For tests of what comes after `wince prepare`: it works in this process, not in new ones that load everything."""
    from pipelines.prepare import work
    from tests.support.serial_pool import run_jobs_here

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "run_jobs", run_jobs_here)
        patch.setattr(work, "_use_one_core", lambda: None)
        yield


@pytest.fixture(scope="module")
def few_numbers():
    """For modules about what comes before and after the numbers of `wince personalize`: see `support.few_numbers`."""
    from tests.support.few_numbers import leave_out

    with pytest.MonkeyPatch.context() as patch:
        leave_out(patch.setattr)
        yield


@pytest.fixture(scope="session")
def drawn_clips(tmp_path_factory):
    """A clip dataset of drawn faces: 8 tracks of 10 s at 10 frames per second, 32 px."""
    folder = tmp_path_factory.mktemp("clips")
    write_clips(moving_records(), folder, 32)
    return folder
