"""Processes find each other, and two of them train as one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from pipelines.configuration import to_json
from pretrain.errors import RunFailure, UserError
from pretrain.training.distributed import start_distributed
from tests.support.small import small

JOB = Path(__file__).parent / "training_job.py"
SLURM = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "n[1-2]", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
ALONE = {"WINCE_COORDINATOR": "h:1", "WINCE_PROCESSES": "1", "WINCE_PROCESS": "0"}


@pytest.fixture
def asked(monkeypatch):
    """What JAX is asked to start."""
    calls = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **arguments: calls.append(arguments))
    return calls


@pytest.mark.parametrize(
    "environment",
    [
        {},
        SLURM | {"SLURM_NTASKS": "1"},
        {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "8"},  # the batch script itself, outside srun
        {"OMPI_MCA_orte_hnp_uri": "x", "OMPI_COMM_WORLD_SIZE": "1"},
        {"TPU_WORKER_HOSTNAMES": "localhost"},
        ALONE,
    ],
)
def test_one_process_starts_nothing(asked, environment):
    start_distributed(environment)
    assert asked == []


@pytest.mark.parametrize(
    "environment",
    [
        SLURM | {"SLURM_NTASKS": "2"},
        {"OMPI_MCA_orte_hnp_uri": "x", "OMPI_COMM_WORLD_SIZE": "4"},
        {"TPU_WORKER_HOSTNAMES": "a,b"},
        {"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2"},
        {"WINCE_COORDINATOR": "auto"},
    ],
)
def test_known_launchers_are_left_to_jax(asked, environment):
    start_distributed(environment)
    assert asked == [{}]


def test_variables_of_our_own_come_first(asked):
    own = {"WINCE_COORDINATOR": "h:1", "WINCE_PROCESSES": "2", "WINCE_PROCESS": "1"}
    start_distributed(SLURM | {"SLURM_NTASKS": "4"} | own)
    assert asked == [{"coordinator_address": "h:1", "num_processes": 2, "process_id": 1}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"WINCE_PROCESS": "2"}, "WINCE_PROCESS=2 has to be"),
        ({"WINCE_PROCESSES": "two"}, "WINCE_PROCESSES=two"),
        ({"WINCE_COORDINATOR": None}, "WINCE_COORDINATOR missing"),
    ],
)
def test_variables_that_make_no_sense_are_one_line(asked, change, message):
    environment = {k: v for k, v in (ALONE | change).items() if v is not None}
    with pytest.raises(UserError, match=message):
        start_distributed(environment)
    assert asked == []


def test_processes_that_do_not_meet_are_a_failure(monkeypatch):
    def refuse(**arguments):
        raise RuntimeError("DEADLINE_EXCEEDED:\n nobody came")

    monkeypatch.setattr(jax.distributed, "initialize", refuse)
    with pytest.raises(RunFailure, match="do not meet: DEADLINE_EXCEEDED: nobody came"):
        start_distributed({"TPU_WORKER_HOSTNAMES": "a,b"})


def _free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _train(clips, out, processes, devices_each, fsdp=1):
    # clip_norm out of reach, so that Adam's first moment after the first step is a tenth of the gradient
    config = small(steps=20, batch__tracks=8, contrastive__weight=0.5, ema=0.9, optimizer__clip_norm=1e9)
    coordinator = f"127.0.0.1:{_free_port()}"
    started = [
        subprocess.Popen(
            [sys.executable, str(JOB), json.dumps(to_json(config)), str(clips), str(out), str(devices_each), str(fsdp)],
            env=os.environ
            | {
                "WINCE_COORDINATOR": coordinator,
                "WINCE_PROCESSES": str(processes),
                "WINCE_PROCESS": str(p),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for p in range(processes)
    ]
    for process in started:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors[-2000:]
    return np.load(out)


@pytest.fixture(scope="module")
def alone(drawn_clips, tmp_path_factory):
    """What comes of one process with one device."""
    return _train(drawn_clips, tmp_path_factory.mktemp("alone") / "out.npz", 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("processes", "devices_each", "fsdp"),
    [
        pytest.param(2, 2, 2, id="2x2"),
        pytest.param(1, 8, 2, id="8, fsdp 2", marks=pytest.mark.long),
        pytest.param(1, 8, 8, id="8, fsdp 8", marks=pytest.mark.long),
    ],
)
def test_many_are_as_one(drawn_clips, tmp_path, alone, processes, devices_each, fsdp):
    many = _train(drawn_clips, tmp_path / "out.npz", processes, devices_each, fsdp)
    gradients = [k for k in alone if k.startswith("gradient")]
    assert len(gradients) > 20
    for name in gradients:
        np.testing.assert_allclose(many[name], alone[name], atol=1e-5 * max(np.abs(alone[name]).max(), 1), err_msg=name)
    np.testing.assert_allclose(many["loss"][:5], alone["loss"][:5], rtol=1e-5)
    np.testing.assert_allclose(many["loss"][19], alone["loss"][19], rtol=1e-3)
    assert alone["loss"][19] < alone["loss"][0]
    np.testing.assert_allclose(many["features"], alone["features"], rtol=1e-3, atol=1e-3)
    assert many["compiles"].tolist() == [1, 1]
    assert many["share"] == 1 / fsdp  # of every large array of the state a device holds its part
