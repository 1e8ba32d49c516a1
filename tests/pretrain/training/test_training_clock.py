"""Rates, waiting for data, and metrics that are read a step late."""

import jax.numpy as jnp
import pytest

from pretrain.training import clock
from pretrain.training.clock import Clock, Delayed, WaitWarning, not_finite


@pytest.fixture
def now(monkeypatch):
    """A clock that stands until it is moved: `now[0] += seconds`."""
    at = [100.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: at[0])
    return at


def test_rates_leave_out_pauses_and_share_counts_waiting(now):
    it = Clock(10, clips_per_step=6, mfu=lambda rate: rate / 24)
    with it.waiting():
        now[0] += 1
    now[0] += 3
    with it.paused():
        now[0] += 50
    values = it.read(18)
    assert values == pytest.approx({"clips_per_second": 8 * 6 / 4, "data_wait": 0.25, "mfu": 0.5})
    now[0] += 2
    assert it.read(19) == pytest.approx({"clips_per_second": 3, "data_wait": 0, "mfu": 0.125})


def test_no_peak_no_mfu(now):
    it = Clock(0, clips_per_step=1, mfu=lambda rate: None)
    now[0] += 1
    assert "mfu" not in it.read(1)


def test_warning_comes_at_the_first_line_and_then_at_every_tenth():
    warn = WaitWarning()
    lines = [warn(share) for share in [0.1, *[0.25] * 10, 0.05, *[0.25] * 12]]
    told = [n for n, line in enumerate(lines) if line]
    assert told == [1, 12, 22]
    assert "25%" in lines[1]


def test_metrics_are_handed_over_when_the_next_step_is_under_way():
    seen = []
    it = Delayed(lambda step, values: seen.append((step, values["loss"])))
    it.add(1, {"loss": jnp.float32(1.5)})
    assert seen == []
    it.add(2, {"loss": jnp.float32(2.5)})
    assert seen == [(1, 1.5)]
    it.flush()
    it.flush()
    assert seen == [(1, 1.5), (2, 2.5)]


def test_not_finite_names_what_is():
    assert not_finite({"loss": float("nan"), "gradient_norm": float("inf"), "other": float("nan")}) == [
        "loss",
        "gradient_norm",
    ]
    assert not_finite({"loss": 1.0, "gradient_norm": 0.0, "other": float("nan")}) == []
