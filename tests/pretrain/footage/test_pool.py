import pytest

from pretrain.footage.pool import run_jobs
from tests.pretrain.footage.pool_jobs import act


@pytest.mark.slow
def test_a_job_that_dies_hangs_or_raises_costs_only_itself(monkeypatch):
    monkeypatch.setattr("pretrain.footage.pool.START_SECONDS", 5.0)
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
