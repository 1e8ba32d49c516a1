"""Workers that do steps when told to, in turns, so that what disturbs the machine disturbs all of them alike."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Seconds(NamedTuple):
    """What a step took."""

    wall: float
    processor: float
    """Of all threads together: on a machine that others use too, the steadier of the two."""


class Worker:
    """A process that says one JSON line when it is ready, then one for every number of steps that it is told to do."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        self.ready: dict[str, Any] = self._hear()

    def steps(self, count: int) -> Seconds:
        """Does so many steps: the mean of each."""
        assert self._process.stdin
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        heard = self._hear()
        return Seconds(heard["wall"] / count, heard["processor"] / count)

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with exit code {self._process.wait()}")
        return json.loads(line)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def in_turns(workers: Mapping[str, Worker], rounds: int, steps: int) -> dict[str, list[Seconds]]:
    """`rounds` times: every worker does `steps` steps while the others wait."""
    taken: dict[str, list[Seconds]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            taken[name].append(worker.steps(steps))
    return taken


def middle(taken: Sequence[Seconds]) -> Seconds:
    """The median of each."""
    return Seconds(median(s.wall for s in taken), median(s.processor for s in taken))


def times_as_fast(ours: Sequence[Seconds], theirs: Sequence[Seconds]) -> Seconds:
    """How many times as long theirs takes, by wall and by processor: medians of the ratios of the rounds."""
    return Seconds(
        median(b.wall / a.wall for a, b in zip(ours, theirs, strict=True)),
        median(b.processor / a.processor for a, b in zip(ours, theirs, strict=True)),
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    assert len({len(line) for line in lines}) == 1, "every row has a cell for every column"
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
