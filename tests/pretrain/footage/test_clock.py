import pytest

from pretrain.footage.clock import Clock


def test_a_clock_never_runs_backwards():
    """Joined recordings start again; some frames carry no time. Naive: follow on at the usual pace."""
    clock = Clock(start=2.0, step=0.5)
    stamps = [2.0, 2.4, None, 3.5, 0.0, 0.3, None, 9.0]
    assert [clock(s) for s in stamps] == pytest.approx([0, 0.4, 0.9, 1.5, 2.0, 2.3, 2.8, 11.0])


def test_a_clock_starts_with_the_first_frame_where_that_is_before_the_stream():
    clock = Clock(start=2.0, step=0.5)
    assert [clock(s) for s in (1.9, 2.0, 2.1)] == pytest.approx([0, 0.1, 0.2])
