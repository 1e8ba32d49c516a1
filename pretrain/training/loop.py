"""The pretraining loop."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.errors import RunFailure
from pretrain.evaluators import Evaluator, clip_gauges
from pretrain.training.checkpoints import Checkpoints
from pretrain.training.log import MetricsLog
from pretrain.training.step import State, init_state, make_embed, make_step

Report = Callable[[dict[str, Any]], None]


def pretrain(
    config: PretrainConfig,
    clips: Path,
    out: Path,
    *,
    evaluators: Sequence[Evaluator] = (),
    report: Report = lambda row: None,
    say: Callable[[str], None] = lambda line: None,
) -> State:
    """Trains to `config.steps` and returns the final state; continues from the newest intact checkpoint in `out`.

    Writes `out/metrics.jsonl` and `out/checkpoints/`; every row that is logged also goes to `report`, and where the run
    continues to `say`.
    Raises `UserError` for clips that cannot be used and `RunFailure` when the loss is no longer finite.
    """
    loader = ClipLoader(
        clips, config.batch, config.clip, channels=config.encoder.channels, views=config.views, seed=config.seed
    )
    evaluators = [clip_gauges(loader.parts, loader.read), *evaluators]
    update, embed = make_step(config), make_embed(config)
    clips_per_step = config.batch.tracks * config.batch.clips_per_track
    with Checkpoints(out / "checkpoints", config.keep) as checkpoints:
        restored = checkpoints.load_newest(jax.eval_shape(lambda: init_state(config)), say)
        start, state = restored or (0, init_state(config))
        if restored:
            say(f"continuing from step {start}")
        with MetricsLog(out / "metrics.jsonl", start if restored else -1) as log:
            step, batches, clock = start, loader.batches(start), _Clock(start)
            # The order matters: what is saved at a step has been evaluated, and no batch beyond it has been drawn.
            while True:
                fresh = step > start or not restored
                last = step == config.steps
                if fresh and (last or step % config.evaluate_every == 0):
                    values = _evaluate(step, evaluators, partial(embed, state["params"]))
                    report(log.write(step, values))
                    clock.pause()
                if fresh and (last or step % config.checkpoint_every == 0):
                    checkpoints.save(step, state)
                    clock.pause()
                if last:
                    break
                with clock.waiting():
                    batch = next(batches)
                state, metrics = update(state, batch)
                step += 1
                if step % config.log_every == 0 or step in (1, config.steps):
                    values = {k: float(v) for k, v in metrics.items()}
                    _refuse_not_finite(step, values, checkpoints)
                    report(log.write(step, values | clock.read(step, clips_per_step)))
            checkpoints.wait()
    return state


def _evaluate(step: int, evaluators: Sequence[Evaluator], embed: Callable[[Any], Any]) -> dict[str, float]:
    values: dict[str, float] = {}
    for evaluator in evaluators:
        found = evaluator(step, lambda frames: np.asarray(embed(frames)))
        values |= {f"eval/{name}": value for name, value in found.items()}
    return values


def _refuse_not_finite(step: int, values: dict[str, float], checkpoints: Checkpoints) -> None:
    bad = [name for name in ("loss", "gradient_norm") if not np.isfinite(values[name])]
    if bad:
        checkpoints.wait()
        kept = checkpoints.steps[-1] if checkpoints.steps else "none"
        raise RunFailure(f"{' and '.join(bad)} not finite at step {step}; the last good checkpoint is {kept}")


class _Clock:
    """Clips per second and the share of time spent waiting for data, since the last reading."""

    def __init__(self, step: int) -> None:
        self._step, self._start, self._waited, self._since = step, time.perf_counter(), 0.0, 0.0

    def waiting(self) -> "_Clock":
        return self

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._waited += time.perf_counter() - self._since

    def pause(self) -> None:
        """Leaves out what was not training."""
        self._start, self._waited = time.perf_counter(), 0.0

    def read(self, step: int, clips_per_step: int) -> dict[str, float]:
        elapsed = max(time.perf_counter() - self._start, 1e-9)
        rate = (step - self._step) * clips_per_step / elapsed
        share = self._waited / elapsed
        self._step = step
        self.pause()
        return {"clips_per_second": rate, "data_wait": share}
