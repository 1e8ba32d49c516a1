"""The loop: it learns, it resumes bit for bit after kill -9, and it stops at nonsense."""

import json
import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from pipelines.configuration import override, to_json
from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.errors import RunFailure
from pretrain.training.checkpoints import Checkpoints, fingerprint
from pretrain.training.log import read_metrics
from pretrain.training.loop import pretrain
from pretrain.training.step import init_state, make_step

SMALL = {
    "encoder.width": "32",
    "encoder.depth": "2",
    "encoder.heads": "2",
    "encoder.size": "32",
    "encoder.view": "1.0",
    "encoder.frames": "4",
    "encoder.tubelet": "[4, 8, 8]",
    "clip.frames": "4",
    "batch.tracks": "4",
    "batch.clips_per_track": "4",
    "steps": "30",
    "log_every": "5",
    "evaluate_every": "15",
    "checkpoint_every": "5",
}


def small(**changes):
    return override(PretrainConfig(), SMALL | {k.replace("__", "."): str(v) for k, v in changes.items()})


def test_loss_falls_and_features_learn_the_measures(drawn_clips, tmp_path):
    config = small(steps=200, contrastive__weight=0.1, optimizer__learning_rate=3e-3, evaluate_every=200)
    pretrain(config, drawn_clips, tmp_path)
    rows = read_metrics(tmp_path / "metrics.jsonl")
    loss = [r["loss"] for r in rows if "loss" in r]
    score = [r["eval/ridge_measures"] for r in rows if "eval/ridge_measures" in r]
    assert np.mean(loss[-3:]) < 0.8 * np.mean(loss[:3])
    assert score[-1] > score[0] + 0.2


def test_one_compile_and_randomness_from_the_step_alone(drawn_clips, caplog):
    config = small()
    batch = next(ClipLoader(drawn_clips, config.batch, config.clip, channels=1, views=config.views, seed=0).batches())
    step = make_step(config)
    losses = []
    with jax.log_compiles():
        for _ in range(2):
            state = init_state(config)
            for _ in range(3):
                state, metrics = step(state, batch)
            losses.append(float(metrics["loss"]))
    assert losses[0] == losses[1]
    compiled = [r.getMessage() for r in caplog.records if r.getMessage().startswith("Compiling jit(update)")]
    assert len(compiled) == 1


RUN = """
import sys, json, pathlib, warnings
from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.training.loop import pretrain
from pydantic import TypeAdapter
config = TypeAdapter(PretrainConfig).validate_python(json.loads(sys.argv[1]))
clips, out = map(pathlib.Path, sys.argv[2:])
pretrain(config, clips, out, report=lambda row: print(row["step"], flush=True))
"""


def start(config, clips, out):
    command = [sys.executable, "-c", RUN, json.dumps(to_json(config)), str(clips), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish(config, clips, out):
    with start(config, clips, out) as process:
        process.communicate(timeout=300)
    assert process.returncode == 0


def final(out, config):
    with Checkpoints(out / "checkpoints", config.keep) as checkpoints:
        return int(fingerprint(checkpoints.load(config.steps, jax.eval_shape(lambda: init_state(config)))))


@pytest.mark.slow
def test_killed_runs_end_bit_identical(drawn_clips, tmp_path):
    config = small(contrastive__weight=0.3)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    finish(config, drawn_clips, whole)
    for after_lines in (3, 2, 2):  # a kill just after a log line falls among steps or inside a save
        process = start(config, drawn_clips, killed)
        for _ in range(after_lines):
            process.stdout.readline()
        time.sleep(0.02 * after_lines)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    finish(config, drawn_clips, killed)
    assert final(whole, config) == final(killed, config)
    values = [
        [
            {k: v for k, v in r.items() if k not in ("clips_per_second", "data_wait")}
            for r in read_metrics(f / "metrics.jsonl")
        ]
        for f in (whole, killed)
    ]
    assert values[0] == values[1]


def test_loss_that_is_not_finite_stops_the_run(drawn_clips, tmp_path):
    with pytest.raises(RunFailure, match="not finite at step"):
        pretrain(small(optimizer__learning_rate=1e30), drawn_clips, tmp_path)


def test_half_a_line_in_the_log_is_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"st')
    assert read_metrics(path) == [{"step": 1}, {"step": 2}]
