"""A worker that does steps of pretraining: `python -m scripts.bench.ours CONFIG PART DEVICES [--save FILE]`.

PART is `step`, the whole training step, or `update`, the step without the augmentation, always on the same views.
Ready, it tells what compiling took and the loss before each of the first three updates. `--save` writes parameters,
views and what else another framework needs to do the same updates.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pretrain.config import PretrainConfig
from pretrain.encoders.vit import VideoViTConfig
from pretrain.training.mesh import make_mesh
from pretrain.training.optimizer import make_schedule
from pretrain.training.rehearsal import compile_step
from pretrain.training.step import init_state, place, step_programs
from scripts.bench.work import CONFIGS, batch_of, crop_side, in_steps

FIRST = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", choices=CONFIGS)
    parser.add_argument("part", choices=("step", "update"))
    parser.add_argument("devices", type=int)
    parser.add_argument("--save", type=Path)
    args = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", args.devices)
    config = in_steps(CONFIGS[args.config])
    start = time.perf_counter()
    compile_step(config, make_mesh(), crop_side(config))
    compiled_in = time.perf_counter() - start
    step = stepper(config, args.part, args.save)
    losses = [step() for _ in range(FIRST)]
    print(json.dumps({"compile": compiled_in, "losses": losses}), flush=True)
    serve(step)


def serve(step: Callable[[], float]) -> None:
    """Does as many steps as each line of the input says, and tells their seconds."""
    while line := input_line():
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            step()
        took = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
        print(json.dumps(took), flush=True)


def input_line() -> str | None:
    try:
        return input()
    except EOFError:
        return None


def stepper(config: PretrainConfig, part: str, save: Path | None) -> Callable[[], float]:
    """Something that does the next step when called and returns the loss before it."""
    mesh = make_mesh()
    look, update = step_programs(config, mesh)
    state, batch = init_state(config, mesh), place(mesh, batch_of(config))
    views, rest = look(state["step"], batch), {k: v for k, v in batch.items() if k != "frames"}
    if save:
        np.savez(save, allow_pickle=False, **for_others(config, state["params"], np.asarray(views.clips), rest))

    def step() -> float:
        nonlocal state
        seen = look(state["step"], batch) if part == "step" else views
        state, metrics = update(state, seen, rest)
        return float(metrics["loss"])

    return step


def for_others(config: PretrainConfig, params: Any, clips: np.ndarray, rest: Any) -> dict[str, np.ndarray]:
    """Arrays by name: parameters by their paths, the batch, the numbers of the optimizer and of the loss."""
    vit = config.encoder
    assert isinstance(vit, VideoViTConfig)
    rate = make_schedule(config.optimizer, int(config.steps))
    named = jax.tree.leaves_with_path(params)
    return {
        **{jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in named},
        "clips": clips,
        "measures": np.asarray(rest["measures"]),
        "known": np.asarray(rest["known"]),
        "rates": np.asarray(jax.vmap(rate)(np.arange(int(config.steps)))),
        "tubelet": np.asarray(vit.tubelet),
        "heads": np.asarray(vit.heads),
        "weight_decay": np.asarray(config.optimizer.weight_decay),
        "clip_norm": np.asarray(config.optimizer.clip_norm),
        "rank_weight": np.asarray(config.pairwise.rank_weight),
    }


if __name__ == "__main__":
    main()
