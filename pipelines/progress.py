"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

SECONDS_BETWEEN_LINES = 10.0
BAR_WIDTH = 20
"""Leaves room for the notes on a terminal of 120 columns."""


class Meter:
    """Where work reports how far it is."""

    def __init__(self, title: str, total: float, bar: Progress | None) -> None:
        self._title, self._total, self._bar = title, total, bar
        self._task = bar.add_task(title, total=total, shown=f"0/{total:g}", left="", note="") if bar else None
        self._start = self._printed = time.monotonic()
        self._first: float | None = None

    def update(self, done: float, note: str = "", shown: str | None = None) -> None:
        """`done` of the total are finished; the first call may be far on.

        `note` says more, such as a rate; `shown` stands in for `done/total` where these are no numbers for people.
        """
        now = time.monotonic()
        if self._first is None:
            self._first, self._start = done, now
        shown = shown or f"{done:g}/{self._total:g}"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, shown=shown, left=self._left(done, now), note=note)
        elif now - self._printed > SECONDS_BETWEEN_LINES and done < self._total:
            self._printed = now
            parts = [f"{self._title} {shown}", self._left(done, now), note]
            print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Prints a line without disturbing the bar."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def _left(self, done: float, now: float) -> str:
        gained = done - (self._first or 0.0)
        if gained <= 0 or done >= self._total:
            return ""
        return f"about {duration((now - self._start) * (self._total - done) / gained)} left"


def duration(seconds: float) -> str:
    """A length of time in the unit that suits it: `50 s`, `12 min`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@contextmanager
def progress(title: str, total: float) -> Iterator[Meter]:
    """A meter for `total` units of work."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Meter(title, total, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        TextColumn("{task.fields[shown]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        yield Meter(title, total, bar)
