"""The same global batch on more and more virtual devices of one machine, and what the compilation cache saves."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from scripts.bench.speed import ours
from scripts.bench.turns import Seconds, Worker, in_turns, middle, table, times_as_fast


def scale_table(python: str, devices: list[int], rounds: int) -> str:
    """A line for each number of devices."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_workers:
        workers: dict[str, Worker] = {}
        cold: dict[str, float] = {}
        for count in devices:
            cache = Path(folder) / str(count)
            with ours(python, "scale", "step", count, cache=cache) as first:
                cold[str(count)] = first.ready["compile"]
            workers[str(count)] = open_workers.enter_context(ours(python, "scale", "step", count, cache=cache))
        warm = {name: worker.ready["compile"] for name, worker in workers.items()}
        return scale_rows(in_turns(workers, rounds, 2), cold, warm)


def scale_rows(taken: dict[str, list[Seconds]], cold: dict[str, float], warm: dict[str, float]) -> str:
    """Step times, relative to one device, and seconds of compilation by an empty and by a filled cache."""
    rows = []
    one = next(iter(taken.values()))
    for count, seconds in taken.items():
        took, ratio = middle(seconds), times_as_fast(one, seconds)
        cells = [f"{took.wall:.3g}", f"{ratio.wall:.2f}", f"{ratio.processor:.2f}"]
        rows.append([count, *cells, f"{cold[count]:.1f}", f"{warm[count]:.1f}"])
    head = ["virtual devices", "s a step", "relative to one", "by processor", "compile s", "with the cache filled"]
    return table(head, rows)
