"""Plain progress lines: how far, how long still, counted from where the work really began."""

from pipelines import progress as module
from pipelines.progress import progress


def lines(monkeypatch, capsys, points):
    """What is printed when each (clock, done) of `points` is reported, of a total of 100."""
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress("work", 100) as meter:
        for clock, done in points:
            now[0] = clock
            meter.update(done)
    return capsys.readouterr().err.splitlines()


def test_time_left_is_extrapolated(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [(0, 0), (5, 10), (20, 40)]) == ["work 40/100, about 30 s left"]


def test_resumed_work_does_not_count_what_was_done_before(monkeypatch, capsys):
    assert lines(monkeypatch, capsys, [(0, 60), (20, 80)]) == ["work 80/100, about 20 s left"]
