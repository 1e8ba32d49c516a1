"""`wince prepare` without its pool of processes: one file after another in this one, which has loaded everything."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pretrain.errors import RunFailure
from pretrain.footage.pool import Beat, Event


def run_jobs_here(
    function: Callable[[Any, Beat], Any], jobs: Sequence[Any], workers: int, patience: float
) -> Iterator[Event]:
    """`pretrain.footage.pool.run_jobs` for files that neither hang nor kill; any number of workers is none."""
    for number, job in enumerate(jobs):
        try:
            yield Event(number, "done", function(job, lambda value: None))
        except RunFailure:
            raise
        except Exception as e:
            yield Event(number, "failed", f"{type(e).__name__}: {e}")
