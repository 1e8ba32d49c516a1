"""How fast training goes and what it waits for; and reading a step's metrics while the next one is under way."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax

MOST_WAITING = 0.1
"""Share of time spent waiting for data above which the run is told to be short of it."""
LINES_BETWEEN_WARNINGS = 10


class Clock:
    """Clips per second and the share of time spent waiting for data, since the last reading."""

    def __init__(self, step: int, clips_per_step: int, mfu: Callable[[float], float | None]) -> None:
        """`mfu`: the share of the devices' peak that so many clips per second are; None where it is not known."""
        self._step, self._clips, self._mfu = step, clips_per_step, mfu
        self._start, self._waited = time.perf_counter(), 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What happens within is waiting for data."""
        since = time.perf_counter()
        yield
        self._waited += time.perf_counter() - since

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens within is no training and does not count."""
        since = time.perf_counter()
        yield
        self._start += time.perf_counter() - since

    def read(self, step: int) -> dict[str, float]:
        """clips_per_second, data_wait (0 to 1) and, where the devices' peak is known, mfu (0 to 1)."""
        now = time.perf_counter()
        elapsed = max(now - self._start, 1e-9)
        rate = (step - self._step) * self._clips / elapsed
        values = {"clips_per_second": rate, "data_wait": min(self._waited / elapsed, 1.0)}
        share = self._mfu(rate)
        if share is not None:
            values["mfu"] = share
        self._step, self._start, self._waited = step, now, 0.0
        return values


class WaitWarning:
    """Words on a log line that shows too much waiting for data: at the first, and then at every tenth of those."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, share: float) -> str | None:
        """The warning that is due at a line with this share, if any."""
        if share <= MOST_WAITING:
            return None
        self._seen += 1
        if (self._seen - 1) % LINES_BETWEEN_WARNINGS:
            return None
        return (
            f"warning: {share:.0%} of the time is spent waiting for data; more batch.threads or batch.workers may help"
        )


class Delayed:
    """Hands over the metrics of each step when the next one is under way, so that no device waits for the host."""

    def __init__(self, settle: Callable[[int, dict[str, float]], None]) -> None:
        self._settle = settle
        self._pending: tuple[int, Mapping[str, Any]] | None = None

    def add(self, step: int, metrics: Mapping[str, jax.Array]) -> None:
        """Keeps the metrics of a step that was just started, and hands over those of the step before."""
        for value in metrics.values():
            value.copy_to_host_async()
        before, self._pending = self._pending, (step, metrics)
        self._hand_over(before)

    def flush(self) -> None:
        """Hands over what is kept; returns when the step is done."""
        before, self._pending = self._pending, None
        self._hand_over(before)

    def _hand_over(self, kept: tuple[int, Mapping[str, Any]] | None) -> None:
        if kept:
            self._settle(kept[0], {name: float(value) for name, value in kept[1].items()})


def not_finite(values: Mapping[str, float]) -> list[str]:
    """Which of loss and gradient norm are NaN or infinite."""
    return [name for name in ("loss", "gradient_norm") if not math.isfinite(values[name])]
