"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 10.0


class Meter:
    """Where work reports how far it is."""

    def __init__(self, title: str, total: float, bar: Progress | None) -> None:
        self._title, self._total, self._bar = title, total, bar
        self._task = bar.add_task(title, total=total, note="") if bar else None
        self._start = self._printed = time.monotonic()
        self._first: float | None = None

    def update(self, done: float, note: str = "") -> None:
        """`done` of the total are finished; `note` says more, such as a rate. The first call may be far on."""
        if self._first is None:
            self._first, self._start = done, time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, note=note)
        elif time.monotonic() - self._printed > SECONDS_BETWEEN_LINES and done < self._total:
            self._printed = time.monotonic()
            left = (self._printed - self._start) * (self._total - done) / max(done - self._first, 1e-9)
            line = f"{self._title} {done:g}/{self._total:g}, about {left:.0f} s left"
            print(f"{line}, {note}" if note else line, file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Prints a line without disturbing the bar."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)


@contextmanager
def progress(title: str, total: float) -> Iterator[Meter]:
    """A meter for `total` units of work."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Meter(title, total, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield Meter(title, total, bar)
