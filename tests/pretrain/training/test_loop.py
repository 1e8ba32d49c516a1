"""The loop: it learns, keeps its order, resumes bit for bit, and stops at nonsense."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pretrain.clips.loader import ClipLoader
from pretrain.errors import RunFailure, UserError
from pretrain.training import loop
from pretrain.training.checkpoints import fingerprint
from pretrain.training.log import MetricsLog, read_metrics, scores
from pretrain.training.loop import open_checkpoints, pretrain
from pretrain.training.preemption import Preempted, Preemption
from scripts.soak.pretrain_kills import SPEED
from tests.support.small import small

# Orbax leaves its coroutines and event loop to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

BUSY = {"contrastive__weight": 0.3, "ema": 0.9, "steps": 8}
"""The same programs for several runs, which are compiled once."""


def test_loss_falls_and_features_learn_the_measures(drawn_clips, tmp_path):
    config = small(steps=100, contrastive__weight=0.1, optimizer__learning_rate=3e-3, evaluate_every=100)
    pretrain(config, drawn_clips, tmp_path)
    rows = read_metrics(tmp_path / "metrics.jsonl")
    loss = [r["loss"] for r in rows if "loss" in r]
    score = [r["eval/ridge_measures"] for r in rows if "eval/ridge_measures" in r]
    assert np.mean(loss[-3:]) < 0.8 * np.mean(loss[:3])
    assert score[-1] > score[0] + 0.2
    assert {"learning_rate", "gradient_norm", "clips_per_second", "data_wait"} <= rows[-2].keys()


@pytest.fixture
def stub(monkeypatch):
    """A step that counts and takes no time; `stub.metrics` and `stub.params` may be spoiled by step."""

    class Stub:
        def __init__(self):
            self.events, self.metrics, self.params = [], {}, {}

    it = Stub()

    def make_stub(config, mesh):
        def step(state, batch):
            n = int(state["step"]) + 1
            it.events.append(f"step {n}")
            metrics = {"loss": 1.0 / n, "gradient_norm": 1.0, "learning_rate": 0.1} | it.metrics.get(n, {})
            params = {"encoder": {"w": jnp.full((3,), it.params.get(n, float(n)))}}
            return {"params": params, "step": jnp.int32(n)}, {k: jnp.float32(v) for k, v in metrics.items()}

        return step

    fresh = {"params": {"encoder": {"w": jnp.zeros(3)}}, "step": jnp.int32(0)}
    monkeypatch.setattr(loop, "make_step", make_stub)
    monkeypatch.setattr(loop, "make_embed", lambda config, mesh: lambda params, frames: np.zeros((len(frames), 4)))
    monkeypatch.setattr(loop, "init_state", lambda config, mesh: fresh)
    monkeypatch.setattr(loop, "abstract_state", lambda config, mesh: jax.eval_shape(lambda: fresh))
    monkeypatch.setattr(
        loop, "clip_gauges", lambda parts, read: lambda step, embed: {"ridge_measures": float(step % 4)}
    )
    return it


def rows_without_speed(out):
    return [{k: v for k, v in row.items() if k not in SPEED} for row in read_metrics(out / "metrics.jsonl")]


def test_order_is_evaluate_save_batch_step(stub, drawn_clips, tmp_path, monkeypatch):
    save, batches = loop.Checkpoints.save, ClipLoader.batches

    def noted(self, step, state):
        stub.events.append(f"save {step}")
        return save(self, step, state)

    def drawn(self, step=0):
        for n, batch in enumerate(batches(self, step), step):
            stub.events.append(f"batch {n}")
            yield batch

    monkeypatch.setattr(loop.Checkpoints, "save", noted)
    monkeypatch.setattr(ClipLoader, "batches", drawn)

    def evaluator(step, embed):
        stub.events.append(f"evaluate {step}")
        return {"mine": 1.0}

    config = small(steps=4, evaluate_every=2, checkpoint_every=2, log_every=1)
    logged = [row["step"] for row in run(config, drawn_clips, tmp_path, evaluators=[evaluator])]
    expected = [
        *("evaluate 0", "save 0", "batch 0", "step 1", "batch 1", "step 2"),
        *("evaluate 2", "save 2", "batch 2", "step 3", "batch 3", "step 4", "evaluate 4", "save 4"),
    ]
    assert stub.events == expected
    assert logged == [0, 1, 2, 2, 3, 4, 4]
    assert read_metrics(tmp_path / "metrics.jsonl")[3]["eval/mine"] == 1


def run(config, clips, out, **options):
    rows = []
    pretrain(config, clips, out, report=rows.append, **options)
    return rows


@pytest.mark.parametrize("name", ["loss", "gradient_norm"])
def test_nonsense_at_any_step_stops_the_run_and_names_its_clips(stub, drawn_clips, tmp_path, name):
    stub.metrics[7] = {name: float("nan" if name == "loss" else "inf")}
    config = small(log_every=5, checkpoint_every=5)
    with pytest.raises(RunFailure, match=rf"^{name} not finite at step 7, .*the last good checkpoint is 5$"):
        pretrain(config, drawn_clips, tmp_path)
    with open_checkpoints(config, tmp_path) as checkpoints:
        assert checkpoints.steps == [0, 5]
    loader = ClipLoader(drawn_clips, config.batch, config.clip, channels=1, views=config.views, seed=0)
    seventh = [batch for batch, _ in zip(loader.batches(), range(7), strict=False)][6]
    wanted = [
        f"sub-{number:02d}/video.mp4#0 @ {second:.2f} s"
        for number, seconds in zip(seventh["track"], seventh["time"], strict=True)
        for second in seconds
    ]
    found = json.loads((tmp_path / "not_finite.0.json").read_text())
    assert found == {"step": 7, "not finite": [name], "clips": wanted}


def test_nonsense_just_before_a_save_is_not_saved(stub, drawn_clips, tmp_path):
    stub.metrics[5] = {"loss": float("nan")}
    with pytest.raises(RunFailure, match=r"at step 5, .*the last good checkpoint is 0$"):
        pretrain(small(checkpoint_every=5), drawn_clips, tmp_path)


def test_parameters_that_are_not_finite_are_not_saved(stub, drawn_clips, tmp_path):
    stub.params[10] = float("inf")
    with pytest.raises(RunFailure, match=r"state of step 10 is not finite; the last good checkpoint is 5$"):
        pretrain(small(checkpoint_every=5), drawn_clips, tmp_path)


def test_best_is_kept_and_a_wrong_name_for_it_refused(stub, drawn_clips, tmp_path):
    config = small(steps=12, keep=1, keep_best=1, evaluate_every=1, checkpoint_every=12)
    pretrain(config, drawn_clips, tmp_path)
    with open_checkpoints(config, tmp_path) as checkpoints:
        assert checkpoints.steps == [0, 11, 12]  # the score is step % 4; of equal ones the later
    with pytest.raises(UserError, match=r"no evaluator gives 'ridge_measurs'; did you mean 'ridge_measures'\?"):
        pretrain(small(keep_best=1, best="ridge_measurs"), drawn_clips, tmp_path / "other")


class StopAt(Preemption):
    at = -1

    def reached(self, step):
        return step == self.at


def test_preempted_run_ends_like_one_that_was_not(drawn_clips, tmp_path, monkeypatch):
    """Stopped between checkpoints, at an evaluation that it then owes, and at the very end."""
    config = small(**BUSY, evaluate_every=4, checkpoint_every=3, log_every=2)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    for folder in (whole, stopped):
        folder.mkdir()
    wanted = pretrain(config, drawn_clips, whole)
    monkeypatch.setattr(loop, "Preemption", StopAt)
    for step in (2, 4, 8):
        StopAt.at = step
        with pytest.raises(Preempted, match=f"^stopped at step {step}; the same command goes on$"):
            pretrain(config, drawn_clips, stopped)
        assert all(row["step"] < step for row in read_metrics(stopped / "metrics.jsonl") if "eval/alignment" in row)
    StopAt.at = -1
    found = pretrain(config, drawn_clips, stopped)
    assert int(fingerprint(found)) == int(fingerprint(wanted))
    assert rows_without_speed(stopped) == rows_without_speed(whole)


def test_damaged_newest_is_made_again(drawn_clips, tmp_path):
    config = small(**BUSY, checkpoint_every=2, evaluate_every=8)
    wanted, said = pretrain(config, drawn_clips, tmp_path), []
    largest = max((tmp_path / "checkpoints" / "8").rglob("*"), key=lambda f: f.stat().st_size if f.is_file() else 0)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.write_bytes(bytes(data))
    found = pretrain(config, drawn_clips, tmp_path, say=said.append)
    assert "checkpoint 8" in said[0]
    assert said[1] == "continuing from step 6"
    assert int(fingerprint(found)) == int(fingerprint(wanted))
    with open_checkpoints(config, tmp_path) as checkpoints:
        assert checkpoints.steps == [0, 4, 6, 8]


def test_half_a_line_in_the_log_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]


def test_log_goes_on_from_the_restored_step_and_knows_scores(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with MetricsLog(path, -1) as log:
        for step, value in enumerate([0.5, float("nan"), 0.25]):
            log.write(step, {"loss": 1.0})
            log.write(step, {"eval/score": value})
    with MetricsLog(path, 1, writes=False) as log:
        log.write(2, {"loss": 2.0})
        assert [log.evaluated(step) for step in (0, 1, 2)] == [True, True, False]
        assert scores(log.rows, "score") == {0: 0.5}
    assert len(read_metrics(path)) == 6, "one that does not write changes nothing"
    with MetricsLog(path, 1):
        assert [row["step"] for row in read_metrics(path)] == [0, 0, 1, 1]
