"""The batch job of `scripts/slurm_pretrain.sh`, with stand-ins for Slurm's commands and for `wince`."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "slurm_pretrain.sh"
TOOLS = {
    "sbatch": 'echo "$@" > asked; cat > job',
    "srun": 'exec "$@"',
    "scontrol": 'echo "$@" >> requeued',
}
WAITS = 'echo "$@" > started; trap "touch saved; exit 0" TERM; while true; do sleep 0.05; done'


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Writes the job of a run whose `wince` does as it is told; returns how to start that job."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, body in TOOLS.items():
        _executable(tools / name, body)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")

    def start(wince):
        _executable(tmp_path / ".venv" / "bin" / "wince", wince)
        line = [tmp_path / "scripts" / SCRIPT.name, "pretrain/base", "CLIPS", "a run", "--fsdp", "2"]
        subprocess.run(line, cwd=tmp_path, check=True)
        return subprocess.Popen(["bash", "job"], cwd=tmp_path)

    return start


def _executable(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o700)


def test_a_job_that_is_told_to_end_saves_and_goes_back_into_the_queue(cluster, tmp_path):
    job = cluster(WAITS)
    deadline = time.monotonic() + 20
    while not (tmp_path / "started").exists() or not (tmp_path / "started").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert job.wait(20) == 0
    assert (tmp_path / "saved").exists()
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"
    assert (tmp_path / "started").read_text() == "pretrain pretrain/base --clips CLIPS --out a run --fsdp 2\n"
    assert "--signal B:TERM@120" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("code", [0, 1])
def test_a_job_that_ends_by_itself_ends_as_the_run_did(cluster, tmp_path, code):
    assert cluster(f"exit {code}").wait(20) == code
    assert not (tmp_path / "requeued").exists()
