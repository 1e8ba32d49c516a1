"""Heads of 25 people × 5 seeds by gradient descent: one program beside a loop, and beside a compile per length.

`one program` is the package's `train` over everybody; (a) loops over the same program for one person and one seed at
a time, on the same padded rows; (b) knows no padding, so every length is a program of its own. All begin each round
with nothing compiled, and do it a second time: by then the first two have compiled all they will ever need, while (b)
compiles for new people's lengths again, so that compilation is always part of its cost.
"""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import median

import jax
import numpy as np

from personalize.adaptation.gradient.batches import padded_length, stacked
from personalize.adaptation.gradient.core import Plan, Rows, Variants, train
from personalize.adaptation.gradient.networks import Network, Population, Tree, Which, feature_network

PEOPLE, SEEDS, WIDTH, RANK = 25, 5, 384, 4
LENGTHS = (20, 200)
"""Fewest and most labels of a person."""
PLAN = Plan("number", 200, 20, 0.1)
COMPILES_AGAIN = "(b) loop, a compile per length"


def lines(rounds: int = 3) -> Iterator[str]:
    """The table in Markdown, line by line."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    yield (
        f"{datetime.now(UTC):%d %B %Y}{load}: {PEOPLE} people × {SEEDS} seeds, {LENGTHS[0]} to {LENGTHS[1]} rows × "
        f"{WIDTH} features, {PLAN.steps} steps of Adam, medians of {rounds} rounds in turns; seconds\n"
    )
    yield "| head | | first time | from then on | one program is so many times as fast: first time | from then on |"
    yield "|---|---|---|---|---|---|"
    for which, name in (("head", "linear"), ("lora", f"LoRA, rank {RANK}")):
        taken = _timed(which, rounds)
        ours = taken["one program"]
        for way, (cold, warm) in taken.items():
            times = [f"{median(_ratios(*pair)):.1f}" for pair in ((cold, ours[0]), (warm, ours[1]))]
            yield f"| {name} | {way} | {median(cold):.2f} | {median(warm):.2f} | {times[0]} | {times[1]} |"


def _ratios(theirs: list[float], ours: list[float]) -> list[float]:
    return [a / b for a, b in zip(theirs, ours, strict=True)]


def _timed(which: Which, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Seconds of every way in every round, the first time and from then on."""
    ways = _ways(which)
    taken: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
    for _ in range(rounds):
        for way, work in ways.items():
            jax.clear_caches()
            for seconds in taken[way]:
                if way == COMPILES_AGAIN and taken[way][1] is seconds:
                    seconds.append(taken[way][0][-1])
                    continue
                start = time.perf_counter()
                work()
                seconds.append(time.perf_counter() - start)
    return taken


def _ways(which: Which) -> dict[str, Callable[[], None]]:
    network = feature_network(which, RANK)
    rng = np.random.default_rng(0)
    sizes = rng.integers(*LENGTHS, size=PEOPLE).tolist()
    kernel = rng.normal(size=(WIDTH, 1)).astype(np.float32) / WIDTH**0.5
    x = [rng.normal(size=(n, WIDTH)).astype(np.float32) for n in sizes]
    y = [part @ kernel[:, 0] + rng.normal(size=len(part)).astype(np.float32) for part in x]
    longest = padded_length(max(sizes))

    def rows(who: range, length: int) -> Rows:
        before = [x[i] @ kernel for i in who]
        held = [np.arange(sizes[i]) % 4 == 0 for i in who]
        padded = [
            stacked(part, len(who), length)
            for part in ([x[i] for i in who], [y[i] for i in who], before, before, [~h for h in held], held)
        ]
        return Rows(*padded, asked=np.zeros((len(who), 0, WIDTH), np.float32))

    def alone(length: Callable[[int], int]) -> None:
        for i in range(PEOPLE):
            data = rows(range(i, i + 1), length(sizes[i]))
            for seed in range(SEEDS):
                _fit(network, kernel, data, [seed])

    return {
        "one program": lambda: _fit(network, kernel, rows(range(PEOPLE), longest), list(range(SEEDS))),
        "(a) loop over one padded fit": lambda: alone(lambda n: longest),
        COMPILES_AGAIN: lambda: alone(lambda n: n),
    }


def _fit(network: Network, kernel: np.ndarray, rows: Rows, seeds: list[int]) -> None:
    people, shape = len(rows.y), (len(rows.y), len(seeds))
    one = (np.zeros(WIDTH, np.float32), np.ones(WIDTH, np.float32), kernel)
    population = Population(*(np.broadcast_to(part, (people, *part.shape)) for part in one))
    starts: list[Tree] = [network.init(seed, (WIDTH, 1)) for seed in seeds]
    start = jax.tree.map(lambda *leaves: np.stack(leaves), *starts)
    variants = Variants(start, np.ones(shape, np.float32), np.full(shape, PLAN.steps, np.int32))
    jax.block_until_ready(train(network, PLAN, {}, population, rows, variants))
