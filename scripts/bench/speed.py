"""Steps per second, what the loader gives against what the step takes, and the same update in PyTorch."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from scripts.bench.turns import ROOT, Seconds, Worker, in_turns, middle, table, times_as_fast
from scripts.bench.work import CONFIGS, crop_side, draw_clips, in_steps

THREADS = (0, 2)
ENOUGH = 2.0
"""Aim: batches that the loader gives in the time of a step."""
GOAL = 1.3
"""Aim: times as fast as the faster of PyTorch's two ways."""
OPENMP = {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait asleep: where others use the machine too, PyTorch takes five times as long with threads that spin,
by wall and by processor, which says nothing of PyTorch."""
PEERS = {"PyTorch eager": "eager", "PyTorch torch.compile": "compile"}


def ours(python: str, config: str, part: str, devices: int, *more: str, cache: Path) -> Worker:
    """A worker on so many virtual devices, which keeps what it compiles in `cache`."""
    keep = {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    return Worker([python, "-m", "scripts.bench.ours", config, part, str(devices), *more], keep)


def own_table(python: str, rounds: int, batches: int) -> str:
    """The whole step, and the loader in turns with it."""
    rows = []
    for name in ("tiny", "ViT-Ti"):
        config = in_steps(CONFIGS[name])
        step: list[Seconds] = []
        load: dict[int, list[float]] = {threads: [] for threads in THREADS}
        with tempfile.TemporaryDirectory() as folder, ExitStack() as open_worker:
            clips = draw_clips(Path(folder) / "clips", crop_side(config))
            worker = open_worker.enter_context(ours(python, name, "step", 1, cache=Path(folder) / "cache"))
            for _ in range(rounds):
                step.append(worker.steps(2))
                for threads in THREADS:
                    load[threads].append(seconds_per_batch(config, clips, threads, batches))
        rows.append(own_row(name, config, step, load))
    head = ["config", "clips a step", "steps/s", "clips/s", "processor s a step"]
    head += [f"loader, {t} threads: batches/s" for t in THREADS]
    return table(head, rows)


def own_row(name: str, config: PretrainConfig, step: Sequence[Seconds], load: dict[int, list[float]]) -> list[str]:
    """A line of the table; beside the loader's rate what it is of the step's, by the medians of the rounds' ratios."""
    clips, took = config.batch.tracks * config.batch.clips_per_track, middle(step)
    cells = []
    for seconds in load.values():
        ratio = median(s.wall / b for s, b in zip(step, seconds, strict=True))
        cells.append(f"{1 / median(seconds):.1f} (**{ratio:.1f} x** what the step takes)")
    return [name, str(clips), f"{1 / took.wall:.3g}", f"{clips / took.wall:.3g}", f"{took.processor:.3g}", *cells]


def seconds_per_batch(config: PretrainConfig, clips: Path, threads: int, batches: int) -> float:
    """Of a stream that is under way, which has not read ahead."""
    batch = replace(config.batch, threads=threads)
    loader = ClipLoader(clips, batch, config.clip, channels=config.encoder.channels, views=config.views, seed=0)
    stream = loader.batches()
    for _ in range(8):  # as many as may lie ready, and the first ones, which start the threads
        next(stream)
    start = time.perf_counter()
    for _ in range(batches):
        next(stream)
    return (time.perf_counter() - start) / batches


def peer_table(python: str, torch_python: str | None, rounds: int) -> str:
    """The update of ViT-Ti beside PyTorch's, from the same parameters on the same views."""
    if torch_python is None:
        return "PyTorch: not measured (no `--torch-python`)."
    with tempfile.TemporaryDirectory() as folder, ExitStack() as open_workers:
        saved = Path(folder) / "saved.npz"
        own = ours(python, "ViT-Ti", "update", 1, "--save", str(saved), cache=Path(folder) / "cache")
        workers = {"JAX": open_workers.enter_context(own)}
        for name, how in PEERS.items():
            command = [torch_python, str(ROOT / "scripts/bench/peer.py"), str(saved), how, "2"]
            workers[name] = open_workers.enter_context(Worker(command, OPENMP))
        for worker in workers.values():
            np.testing.assert_allclose(worker.ready["losses"], workers["JAX"].ready["losses"], rtol=1e-4)
        taken = in_turns(workers, rounds, 1)
        version = workers["PyTorch eager"].ready["version"]
    losses = ", ".join(f"{loss:.6f}" for loss in workers["JAX"].ready["losses"])
    return f"{peer_rows(taken)}\n\nPyTorch {version}. Losses of the first updates, the same in all to 1e-4: {losses}."


def peer_rows(taken: dict[str, list[Seconds]]) -> str:
    """Seconds of an update, and how many times as fast JAX is, by wall and by processor."""
    rows = []
    for name, seconds in taken.items():
        took, ratio = middle(seconds), times_as_fast(taken["JAX"], seconds)
        faster = ["", ""] if name == "JAX" else [f"**{ratio.wall:.2f}**", f"**{ratio.processor:.2f}**"]
        rows.append([name, f"{took.wall:.3g}", f"{took.processor:.3g}", *faster])
    return table(["", "s an update", "processor s", "JAX is faster, times", "by processor"], rows)
