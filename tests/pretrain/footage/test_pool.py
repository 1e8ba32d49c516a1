import os
import signal
import subprocess
import sys
import time

import pytest

from pretrain.errors import RunFailure
from pretrain.footage.pool import run_jobs
from tests.pretrain.footage.pool_jobs import act


@pytest.mark.slow
def test_a_job_that_dies_hangs_or_raises_costs_only_itself(monkeypatch):
    monkeypatch.setattr("pretrain.footage.pool.START_SECONDS", 20.0)
    jobs = ["one", "die", "hang", "raise", "slow", "two"]
    events = list(run_jobs(act, jobs, workers=2, patience=1.5))
    ends = {jobs[e.job]: (e.kind, e.value) for e in events if e.kind != "progress"}
    assert len([e for e in events if e.kind != "progress"]) == len(jobs)
    assert ends == {
        "one": ("done", "one done"),
        "die": ("crashed", "exit code 3"),
        "hang": ("stuck", "no progress for 1.5 s"),
        "raise": ("failed", "ValueError: told to"),
        "slow": ("done", "slow done"),  # longer than the patience, but it reports
        "two": ("done", "two done"),
    }
    assert any(e.kind == "progress" and jobs[e.job] == "slow" for e in events)


def test_a_failure_of_the_machine_ends_the_work():
    with pytest.raises(RunFailure, match="no room on the disk"):
        list(run_jobs(act, ["one", "full", "two"], workers=1, patience=60.0))


@pytest.mark.slow
def test_orphans_die_with_the_job_they_are_at(tmp_path):
    code = (
        "from pathlib import Path; from pretrain.footage.pool import run_jobs\n"
        "from tests.pretrain.footage.pool_jobs import act\n"
        f"if __name__ == '__main__': list(run_jobs(act, [Path({str(tmp_path / 'alive')!r})], 1, 60.0))"
    )
    (tmp_path / "main.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, tmp_path / "main.py"], env=environment, stderr=subprocess.PIPE)
    while not (tmp_path / "alive").exists() or not (tmp_path / "alive").read_text():
        assert parent.poll() is None
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.communicate(timeout=60)  # ends when the orphan, who holds the other end of the pipe, is gone
