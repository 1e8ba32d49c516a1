"""`wince pretrain` as a user runs it: its start from another run, what it says before a run, signals and kills."""

import json
import random
import signal
import socket
import subprocess
import time
from dataclasses import replace

import jax
import numpy as np
import pandas as pd
import pytest

from pipelines.cli import main
from pipelines.configuration import read_config
from pipelines.embedding import _uncovered
from pretrain.clips.tracks import ClipShape
from pretrain.config import PretrainConfig
from pretrain.training.log import read_metrics
from pretrain.training.loop import CHECKPOINTS
from pretrain.training.mesh import make_mesh
from pretrain.training.start import Source, read_weights
from scripts.soak.pretrain_kills import ROOT, Job, digest, finish, last_step, torture
from tests.support.small import SMALL

pytestmark = [
    pytest.mark.usefixtures("compile_quickly"),
    # Orbax leaves its coroutines and event loop to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def words(clips, *more, **changes):
    config = SMALL | {"steps": "4", "evaluate_every": "2", "checkpoint_every": "2"}
    config |= {key.replace("__", "."): str(value) for key, value in changes.items()}
    flags = [word for key, value in config.items() for word in (f"--{key}", value)]
    return ["pretrain", "pretrain/tiny", "--clips", str(clips), *map(str, more), *flags]


@pytest.fixture(scope="module")
def trained(drawn_clips, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "run"
    assert main(words(drawn_clips, "--out", out, keep_best=1)) == 0
    return out


def weights(run, step):
    source = Source(str(run), read_config(run / "config.json", PretrainConfig), run, step)
    return read_weights(source, make_mesh(), print)[1]


def same(a, b):
    return all((np.asarray(x) == np.asarray(y)).all() for x, y in zip(flat(a), flat(b), strict=True))


def flat(tree):
    return jax.tree.leaves(tree)


def test_start_from_another_run(trained, drawn_clips, tmp_path, capsys):
    out, command = tmp_path / "run", words(drawn_clips, "--out", tmp_path / "run", "--init", f"{trained}@2", seed=5)
    assert main([*command, "--pairwise.weight", "0.5"]) == 0
    said = capsys.readouterr().err
    assert f"weights of step 2 of {trained}@2: encoder, " in said
    assert same(weights(out, 0), weights(trained, 2))
    assert json.loads((out / "config.json").read_text())["inputs"]["init"] == f"{trained}@2"
    assert json.loads((out / "environment.json").read_text())["init_step"] == 2
    # the same command goes on from its own checkpoint, and another start is another run
    before = (out / "metrics.jsonl").read_text()
    assert main([*command, "--pairwise.weight", "0.5"]) == 0
    assert (out / "metrics.jsonl").read_text() == before
    for other in (["--init", f"{trained}@4"], []):
        changed = [*words(drawn_clips, "--out", out, *other, seed=5), "--pairwise.weight", "0.5"]
        assert main(changed) == 2
        assert "inputs.init" in capsys.readouterr().err


@pytest.mark.long
def test_head_that_does_not_fit_is_fresh_and_an_encoder_is_refused(trained, drawn_clips, tmp_path, capsys):
    fits = words(drawn_clips, "--out", tmp_path / "a", "--init", f"{trained}@best", contrastive__dimensions=16)
    assert main(fits) == 0
    assert "fresh: projection, optimizer" in capsys.readouterr().err
    assert same(weights(tmp_path / "a", 0)["encoder"], weights(trained, "best")["encoder"])
    wide = words(drawn_clips, "--out", tmp_path / "b", "--init", trained, encoder__width=48)
    assert main(wide) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "has another encoder: encoder/" in said
    assert "there and" in said


@pytest.mark.parametrize(
    ("init", "says"),
    [
        ("nowhere", "no run folder nowhere"),
        ("RUN@bst", "must be a step number, `best`, `latest`"),
        ("RUN@3", "has no checkpoint of step 3; there are: 0, 2, 4"),
    ],
)
def test_start_that_is_not_there_is_one_line(trained, drawn_clips, tmp_path, capsys, init, says):
    assert main(words(drawn_clips, "--out", tmp_path / "x", "--init", init.replace("RUN", str(trained)))) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_best_embeds(trained, drawn_clips, tmp_path):
    key = "eval/ridge_measures"
    rows = {row["step"]: row[key] for row in read_metrics(trained / "metrics.jsonl") if key in row}
    best = max(rows, key=lambda step: (rows[step], step))
    for name in ("best", best):
        assert main(["embed", f"{trained}@{name}", str(drawn_clips), "--out", str(tmp_path / f"{name}.parquet")]) == 0
    tables = [pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("best", best)]
    pd.testing.assert_frame_equal(*tables)


def test_dry_run_tells_and_writes_nothing(trained, drawn_clips, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words(drawn_clips, "--dry-run", steps="3 epochs")) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert int(told["parameters"].replace(",", "")) == sum(leaf.size for leaf in flat(weights(trained, 0)))
    assert "per device" in told["memory"]
    assert told["operations"].startswith("per clip")
    assert "steps about" in " ".join(told["6"].split())  # 8 tracks in batches of 4, three times
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_one_batch_is_learnt_by_heart_or_it_is_a_failure(drawn_clips, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    look = ["--overfit-one-batch"]
    assert main(words(drawn_clips, *look, steps=300, optimizer__learning_rate=3e-3)) == 0
    assert "the loss fell from" in capsys.readouterr().out
    assert main(words(drawn_clips, *look, steps=25, optimizer__learning_rate=1e-9)) == 1
    assert "it should fall by half" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_out_is_needed_for_a_run(drawn_clips, capsys):
    assert main(words(drawn_clips)) == 2
    assert "--out is needed" in capsys.readouterr().err


def test_crops_in_no_clip_are_counted():
    shape = ClipShape(frames=4, fps=10.0)
    time = np.concatenate([np.arange(10) / 10, 5 + np.arange(3) / 10, 9 + np.arange(4) / 10])
    assert _uncovered(time, np.array([0.0, 0.4, 0.6, 9.0]), shape) == 3
    assert _uncovered(time, np.array([]), shape) == 17


@pytest.fixture(scope="module")
def whole(drawn_clips, tmp_path_factory):
    """A job, and what an uninterrupted run of it leaves."""
    folder = tmp_path_factory.mktemp("whole")
    job = Job(drawn_clips, 30, folder / "compiled")
    finish(job, folder / "run")
    return job, digest(folder / "run")


def stop_soon(job, out, after):
    """Starts a job, sends SIGTERM when its log has come so far, and returns what it said, which ended with 0."""
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(job.command(out), cwd=ROOT, env=job.environment, **pipe) as process:
        while process.poll() is None and last_step(out) < after:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        try:
            said, _ = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 0
    return said


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.long)])
def test_killed_and_the_same_bits(whole, tmp_path, kills):
    job, wanted = whole
    outcome = torture(job, tmp_path / "run", random.Random(3), kills=kills)
    assert len(outcome.kills) == kills
    assert outcome.digest == wanted


@pytest.mark.long
def test_sigterm_saves_and_exits_0(whole, tmp_path):
    job, wanted = whole
    out = tmp_path / "run"
    said = stop_soon(job, out, after=6)[-60:].splitlines()[-1]
    step = int(said.split()[3].rstrip(";"))
    assert said == f"stopped at step {step}; the same command goes on"
    assert 6 <= step < 30
    assert (out / CHECKPOINTS / str(step)).is_dir()
    finish(job, out)
    assert digest(out) == wanted


@pytest.mark.long
def test_processes_agree_where_to_stop_and_one_goes_on(whole, tmp_path):
    # many steps, for the news takes a while from one process to the others, and these steps take hardly any time
    job, out = replace(whole[0], steps=1000), tmp_path / "run"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for number in range(2):
        told = {"WINCE_COORDINATOR": f"127.0.0.1:{port}", "WINCE_PROCESSES": "2", "WINCE_PROCESS": str(number)}
        environment = job.environment | told | {"JAX_PLATFORMS": "cpu"}
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes.append(subprocess.Popen(job.command(out), cwd=ROOT, env=environment, **pipe))
    while all(p.poll() is None for p in processes) and last_step(out) < 6:
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGTERM)
    try:
        said = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], said
    # JAX's transport between processes speaks on stdout too, before the first step
    last = [spoken.splitlines()[-1] for spoken, _ in said]
    step = int(last[0].split()[3].rstrip(";"))
    assert last[0] == f"stopped at step {step}; the same command goes on"
    assert last[1].startswith("[Gloo]")
    assert (out / CHECKPOINTS / str(step)).is_dir()
    # one process takes up what two have left, and is stopped in its turn
    assert f"continuing from step {step}" in stop_soon(job, out, after=step + 1)
