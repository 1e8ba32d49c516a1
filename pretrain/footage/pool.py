"""A process pool over files in which a file that hangs or kills its worker costs only itself.

The pools of the standard library break as a whole when one process dies, and cannot abandon a call that hangs.
"""

import contextlib
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from pretrain.errors import RunFailure

BEAT_SECONDS = 0.25
"""Workers report progress this often at most."""
START_SECONDS = 120.0
"""A new worker may take this long to load its libraries."""


class Event(NamedTuple):
    """News about a job."""

    job: int
    kind: str
    """progress, done, failed (the function raised), stuck or crashed."""
    value: Any
    """Progress made; the result; or what went wrong."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: int | None = None
    deadline: float = 0.0
    ready: bool = False


Beat = Callable[[Any], None]
"""What a job calls to say that it is getting on: with a value, or with a function that is asked only if it is due."""


def run_jobs(
    function: Callable[[Any, Beat], Any],
    jobs: Sequence[Any],
    workers: int,
    patience: float,
) -> Iterator[Event]:
    """Runs `function(job, beat)` for all jobs in spawned processes and yields what happens.

    A job that does not call `beat` for `patience` seconds is killed. Every job ends with exactly one event that is
    not progress. `function` must be importable, and raise only what a message explains. A `RunFailure` that it raises
    is nobody's file's fault (a full disk): it is raised here and ends the work.
    """
    context = multiprocessing.get_context("spawn")
    queue = deque(range(len(jobs)))
    staff = [_hire(context, function) for _ in range(min(workers, len(jobs)))]
    left = len(jobs)
    try:
        while left:
            for worker in staff:
                if worker.job is None and queue:
                    _assign(worker, queue.popleft(), jobs, patience)
            busy = [w for w in staff if w.job is not None]
            ready = set(wait([w.pipe for w in busy], timeout=_next_deadline(busy)))
            for worker in busy:
                event = _listen(worker, worker.pipe in ready, patience)
                if event is None:
                    continue
                if event.kind == "abort":
                    raise RunFailure(event.value)
                if event.kind != "progress":
                    left -= 1
                    worker.job = None
                if event.kind in ("stuck", "crashed"):
                    _dismiss(worker)
                    staff[staff.index(worker)] = _hire(context, function)
                yield event
    finally:
        for worker in staff:
            _dismiss(worker)


def _hire(context: Any, function: Callable[..., Any]) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(function, theirs), daemon=True)
    with _without_interrupts():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Children inherit an ignored Ctrl-C: it is ours to heed, and theirs would only fill the terminal."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _dismiss(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def _assign(worker: _Worker, job: int, jobs: Sequence[Any], patience: float) -> None:
    worker.job = job
    worker.deadline = time.monotonic() + patience + (0 if worker.ready else START_SECONDS)
    with contextlib.suppress(BrokenPipeError):  # a worker that died in between is noticed when it is listened to
        worker.pipe.send(jobs[job])


def _next_deadline(busy: Sequence[_Worker]) -> float:
    return max(0.0, min(w.deadline for w in busy) - time.monotonic())


def _listen(worker: _Worker, ready: bool, patience: float) -> Event | None:
    assert worker.job is not None
    if ready:
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            return Event(worker.job, "crashed", f"exit code {worker.process.exitcode}")
        worker.ready = True
        worker.deadline = time.monotonic() + patience
        return Event(worker.job, kind, value)
    if time.monotonic() > worker.deadline:
        return Event(worker.job, "stuck", f"no progress for {patience:g} s")
    return None


def _work(function: Callable[[Any, Beat], Any], pipe: Connection) -> None:
    """What a worker process does: a job after another until it is killed or its pipe closes."""
    beat = _Beat(pipe)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            pipe.send(_outcome(function, pipe.recv(), beat))


def _outcome(function: Callable[[Any, Beat], Any], job: Any, beat: Beat) -> tuple[str, Any]:
    try:
        return "done", function(job, beat)
    except RunFailure as e:
        return "abort", str(e)
    except Exception as e:
        return "failed", f"{type(e).__name__}: {e}"


class _Beat:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._last = 0.0

    def __call__(self, value: Any) -> None:
        now = time.monotonic()
        if now - self._last < BEAT_SECONDS:
            return
        self._last = now
        try:
            self._pipe.send(("progress", value() if callable(value) else value))
        except (BrokenPipeError, ConnectionResetError):
            # an orphan must stop here and now: as an OSError this would pass for a fault of the file
            raise SystemExit from None
