"""The pretraining loop."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.encoders.encoder import attention_notes
from pretrain.errors import RunFailure, UserError, nearest
from pretrain.evaluators import Evaluator, clip_gauges
from pretrain.training.checkpoints import Checkpoints
from pretrain.training.clock import Clock, Delayed, WaitWarning, not_finite
from pretrain.training.flops import mfu
from pretrain.training.log import EVALUATION, MetricsLog, scores
from pretrain.training.mesh import make_mesh
from pretrain.training.preemption import Preempted, Preemption
from pretrain.training.start import CHECKPOINTS, METRICS, Source, take_over
from pretrain.training.step import State, abstract_state, evaluated, init_state, make_embed, make_step, place

Report = Callable[[dict[str, Any]], None]
Say = Callable[[str], None]
NOT_FINITE = "not_finite.{}.json"
"""By number of the process: the clips of its share of a batch that ended in nonsense."""


def open_loader(config: PretrainConfig, clips: Path) -> ClipLoader:
    """The batches of a run: this process's share of each. Raises `UserError` for clips that cannot be used."""
    return ClipLoader(
        clips,
        config.batch,
        config.clip,
        channels=config.encoder.channels,
        views=config.views,
        seed=config.seed,
        process=jax.process_index(),
        processes=jax.process_count(),
    )


def open_checkpoints(config: PretrainConfig, out: Path) -> Checkpoints:
    """The checkpoints of a run folder."""
    return Checkpoints(out / CHECKPOINTS, config.keep, keep_every=config.keep_every, keep_best=config.keep_best)


def pretrain(config: PretrainConfig, clips: Path, out: Path, **options: Any) -> State:
    """`train` on a clip dataset."""
    return train(config, open_loader(config, clips), out, **options)


def train(
    config: PretrainConfig,
    loader: ClipLoader,
    out: Path,
    *,
    fsdp: int = 1,
    init: Source | None = None,
    evaluators: Sequence[Evaluator] = (),
    report: Report = lambda row: None,
    say: Say = lambda line: None,
) -> State:
    """Trains to `config.steps` and returns the final state; continues from the newest intact checkpoint in `out`.

    `init` names the run whose weights a new run starts from. Writes `metrics.jsonl` and `checkpoints/` into `out`;
    every row that is logged also goes to `report`, and what else there is to know to `say`.
    Raises `UserError` for what cannot be trained so, `RunFailure` where loss, gradient or state are not finite, and
    `Preempted` after SIGTERM, when the step is saved.
    """
    config = config.in_steps(loader.examples_per_epoch)
    mesh = make_mesh(fsdp)
    update, embed = make_step(config, mesh), make_embed(config, mesh)
    evaluators = [clip_gauges(loader.parts, loader.read), *evaluators]
    with Preemption() as preemption, open_checkpoints(config, out) as checkpoints:
        restored = checkpoints.load_newest(abstract_state(config, mesh), say)
        step, state = restored or (0, _fresh(config, mesh, init, say))
        if restored:
            say(f"continuing from step {step}")
            checkpoints.drop_after(step)
        for note in attention_notes(config.encoder, config.precision, share=config.augment.token_share):
            say(note)
        with MetricsLog(out / METRICS, step if restored else -1, writes=jax.process_index() == 0) as log:
            for known, score in scores(log.rows, config.best).items():
                checkpoints.rate(known, score)
            clock, warn = _clock(config, mesh, step), WaitWarning()

            def look(step: int, metrics: dict[str, float]) -> None:
                if wrong := not_finite(metrics):
                    raise RunFailure(f"{_nonsense(wrong, step, loader, out)}; {checkpoints.last_good()}")
                if step % int(config.log_every) == 0 or step in (1, config.steps):
                    row = metrics | clock.read(step)
                    report(log.write(step, row))
                    if warning := warn(row["data_wait"]):
                        say(warning)

            metrics_of, batches = Delayed(look), loader.batches(step)
            while True:
                last, stop = step == config.steps, preemption.reached(step)

                # 1. Evaluate, so that whatever is saved has been evaluated. A run that is told to stop has seconds to
                #    live and leaves this to the moment when it goes on.
                evaluate = last or step % int(config.evaluate_every) == 0
                if evaluate and not stop and not log.evaluated(step):
                    metrics_of.flush()
                    with clock.paused():
                        values = _evaluate(step, evaluators, partial(embed, evaluated(state)))
                        report(log.write(step, values))
                        checkpoints.rate(step, _score(values, config))

                # 2. Maybe save, before a batch beyond this step is drawn.
                save = last or stop or step % int(config.checkpoint_every) == 0 or (evaluate and config.keep_best > 0)
                if save and step not in checkpoints.steps:
                    metrics_of.flush()
                    with clock.paused():
                        checkpoints.save(step, state)
                if stop:
                    checkpoints.wait()
                    raise Preempted(step)
                if last:
                    checkpoints.wait()
                    return state

                # 3. The next batch, which is a function of the step alone.
                with clock.waiting():
                    batch = place(mesh, next(batches))

                # 4. Step.
                state, metrics = update(state, batch)
                step += 1

                # 5. Log what is due, and stop at nonsense: of the step before, so that no device waits for the host.
                metrics_of.add(step, metrics)


def _clock(config: PretrainConfig, mesh: Mesh, step: int) -> Clock:
    share = partial(mfu, config, devices=mesh.size, device_kind=mesh.devices.flat[0].device_kind)
    return Clock(step, config.batch.tracks * config.batch.clips_per_track, share)


def _fresh(config: PretrainConfig, mesh: Mesh, init: Source | None, say: Say) -> State:
    state = init_state(config, mesh)
    return take_over(state, mesh, init, say) if init else state


def _evaluate(step: int, evaluators: Sequence[Evaluator], embed: Callable[[Any], Any]) -> dict[str, float]:
    values: dict[str, float] = {}
    for evaluator in evaluators:
        found = evaluator(step, lambda frames: np.asarray(embed(frames)))
        values |= {EVALUATION + name: value for name, value in found.items()}
    return values


def _score(values: Mapping[str, float], config: PretrainConfig) -> float:
    known = [name.removeprefix(EVALUATION) for name in values]
    if config.keep_best and config.best not in known:
        raise UserError(f"best: no evaluator gives {config.best!r}{nearest(config.best, known)}")
    return values.get(EVALUATION + config.best, float("nan"))


def _nonsense(wrong: Sequence[str], step: int, loader: ClipLoader, out: Path) -> str:
    """Words on a step that went wrong; writes the clips of its batch, which its number is enough to draw again."""
    batch = next(loader.batches(step - 1))
    tracks = [loader.tracks[int(number)] for number in batch["track"]]
    clips = [
        f"{track.source}#{track.track} @ {track.time[0] + second:.2f} s"
        for track, seconds in zip(tracks, batch["time"], strict=True)
        for second in seconds
    ]
    path = out / NOT_FINITE.format(jax.process_index())
    path.write_text(json.dumps({"step": step, "not finite": list(wrong), "clips": clips}, indent=2) + "\n")
    return f"{' and '.join(wrong)} not finite at step {step}, with {len(clips)} clips from {clips[0]} on: see {path}"
