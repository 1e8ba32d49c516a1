"""`wince pretrain`: from clips to an encoder."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
from jax.experimental import multihost_utils

from pipelines.pretrained import STEPS, find_pretrained
from pipelines.probing import label_probe
from pipelines.progress import duration, progress
from pipelines.run_folder import open_run, write_json
from pretrain.config import PretrainConfig
from pretrain.training.distributed import start_distributed
from pretrain.training.flops import training_flops
from pretrain.training.loop import open_loader, train
from pretrain.training.mesh import make_mesh
from pretrain.training.preemption import Preempted
from pretrain.training.rehearsal import TIMED_STEPS, overfit, plan
from pretrain.training.start import pin

BESIDE = ("step", "clips_per_second", "data_wait", "mfu")
"""Values of a row that end its line, in words."""
ENVIRONMENT, INIT_STEP = "environment.json", "init_step"


def run_pretraining(
    config: PretrainConfig,
    *,
    clips: Path,
    out: Path,
    init: str | None = None,
    probe: tuple[Path, Path] | None = None,
    fsdp: int = 1,
) -> int:
    """Trains, or goes on where the same command stopped; prints the log and returns the exit code.

    `init` (see `find_pretrained`) names the weights that a new run starts from; the step is recorded, and a run that
    has a checkpoint goes on from that. `probe` (a cohort and its clips) adds to every evaluation what the encoder is
    worth on the cohort's development people; all that it decides is, by `config.best`, which checkpoint is best.
    In a run of several processes, the first alone writes and speaks.
    """
    start_distributed()
    first = jax.process_index() == 0
    source = find_pretrained(init) if init else None
    named = {name: value for name, value in (("init", init), ("probe", probe and probe[0])) if value}
    open_this = partial(open_run, out, config, clips=clips, **named)
    if first and out.exists():
        open_this()  # before reading through all clips
    loader = open_loader(config, clips)
    evaluators = [label_probe(*probe, config)] if probe else []
    total = int(config.in_steps(loader.examples_per_epoch).steps)
    if first:
        open_this()
        _record(out, STEPS, lambda: total)
        if source:
            _record(out, INIT_STEP, lambda source=source: pin(source).step)
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("run folder")
    if source:
        source = replace(source, step=json.loads((out / ENVIRONMENT).read_text())[INIT_STEP])
    with progress("pretrain", total) as meter:

        def say(line: str) -> None:
            if first:
                meter.line(line)

        def report(row: dict[str, Any]) -> None:
            say(describe(row))
            if first and "loss" in row:
                meter.update(row["step"], speed(row))

        try:
            train(config, loader, out, fsdp=fsdp, init=source, evaluators=evaluators, report=report, say=say)
            ended = f"encoder of step {total}: {out}"
        except Preempted as stop:
            ended = str(stop)
    if first:
        print(ended)
    return 0


def _record(out: Path, key: str, value: Callable[[], Any]) -> None:
    """How long a run is and which step it starts from, once and for all: the other run may go on in the meantime."""
    found = json.loads((out / ENVIRONMENT).read_text())
    if key not in found:
        write_json(out / ENVIRONMENT, found | {key: value()})


def dry_run(config: PretrainConfig, *, clips: Path, fsdp: int = 1) -> int:
    """Compiles the step, times some real ones and prints what a run would take; writes nothing."""
    start_distributed()
    loader, mesh = open_loader(config, clips), make_mesh(fsdp)
    config = config.in_steps(loader.examples_per_epoch)
    steps, found = int(config.steps), plan(config, loader, mesh)
    memory = "not told by the compiler" if found.bytes_per_device is None else f"{found.bytes_per_device / 1e9:.3g} GB"
    print(f"parameters          {found.parameters:,}")
    print(f"operations per clip {training_flops(config):.3g} FLOP, forward and backward")
    print(f"memory per device   {memory} (of {mesh.size} × {mesh.devices.flat[0].device_kind})")
    print(f"compiling           {found.compile_seconds:.1f} s")
    print(
        f"a step              {found.step_seconds:.3g} s to compute, {found.load_seconds:.3g} s to read its batch "
        f"(mean of {TIMED_STEPS} real ones here)"
    )
    print(f"{steps} steps".ljust(20) + f"about {duration(found.seconds(steps))}, without evaluating and saving")
    return 0


def overfit_one_batch(config: PretrainConfig, *, clips: Path, fsdp: int = 1) -> int:
    """Trains on one batch only, of which the loss has to fall by half; writes nothing."""
    start_distributed()
    loader, mesh = open_loader(config, clips), make_mesh(fsdp)
    config = config.in_steps(loader.examples_per_epoch)
    with progress("overfit", int(config.steps)) as meter:
        steps, before, after = overfit(config, loader, mesh, lambda step, loss: meter.update(step, f"loss {loss:.3g}"))
    print(f"on one batch the loss fell from {before:.3g} to {after:.3g} in {steps} steps, as it should")
    return 0


def describe(row: dict[str, Any]) -> str:
    """One log row as a line of text."""
    shown = {k.removeprefix("eval/"): v for k, v in row.items() if k not in BESIDE}
    values = "  ".join(f"{k} {v:.3g}" if v is not None else f"{k} undefined" for k, v in shown.items())
    return f"step {row['step']:>6}  {values}" + (f"  {speed(row)}" if "data_wait" in row else "")


def speed(row: dict[str, Any]) -> str:
    """How fast a row's steps were, in words."""
    mfu = f"MFU {row['mfu']:.0%}, " if row.get("mfu") is not None else ""
    return f"{row['clips_per_second']:.0f} clips/s, {mfu}waiting for data {row['data_wait']:.0%}"
