"""The tables of the benchmark of pretraining, and that its parts run at all."""

from dataclasses import replace

import numpy as np
import pytest

from pretrain.clips.loader import BatchConfig
from scripts.bench import accelerator
from scripts.bench.ours import stepper
from scripts.bench.scale import scale_rows
from scripts.bench.speed import own_row, peer_rows
from scripts.bench.turns import Seconds, table, times_as_fast
from scripts.bench.work import CONFIGS, in_steps

pytestmark = pytest.mark.usefixtures("compile_quickly")


def small(**changes):
    tiny = CONFIGS["tiny"]
    encoder = replace(tiny.encoder, width=16, depth=1, heads=2)
    return in_steps(replace(tiny, encoder=encoder, batch=BatchConfig(tracks=2, clips_per_track=2), **changes))


def test_ratios_are_of_rounds_not_of_medians():
    # both are slow in the same rounds: the ratio of each round is 2 or 3
    ours = [Seconds(1, 1), Seconds(10, 1), Seconds(2, 1)]
    theirs = [Seconds(2, 3), Seconds(20, 4), Seconds(6, 5)]
    assert times_as_fast(ours, theirs) == Seconds(2, 4)


def test_table_refuses_a_row_that_misses_a_cell():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    with pytest.raises(AssertionError):
        table(["a", "b"], [["1"]])


def test_a_peer_that_takes_longer_makes_us_faster():
    rows = peer_rows({"JAX": [Seconds(1, 2)], "PyTorch eager": [Seconds(1.5, 2.5)]}).splitlines()
    assert rows[-2] == "| JAX | 1 | 2 |  |  |"
    assert rows[-1] == "| PyTorch eager | 1.5 | 2.5 | **1.50** | **1.25** |"


def test_scale_is_relative_to_one_device():
    taken = {"1": [Seconds(2, 3)], "8": [Seconds(5, 6)]}
    rows = scale_rows(taken, {"1": 7.0, "8": 9.0}, {"1": 1.0, "8": 2.0}).splitlines()
    assert rows[-2] == "| 1 | 2 | 1.00 | 1.00 | 7.0 | 1.0 |"
    assert rows[-1] == "| 8 | 5 | 2.50 | 2.00 | 9.0 | 2.0 |"


def test_loader_is_measured_against_what_the_step_takes():
    row = own_row("tiny", small(), [Seconds(0.5, 1), Seconds(1, 1)], {0: [0.25, 0.1]})
    # 4 clips in 0.75 s; 2 and 10 batches in the time of a step
    assert row == ["tiny", "4", "1.33", "5.33", "1", "5.7 (**6.0 x** what the step takes)"]


def test_nothing_is_guessed_without_an_accelerator(monkeypatch):
    monkeypatch.setattr(accelerator.jax, "default_backend", lambda: "cpu")
    rows = accelerator.accelerator_table(steps=1).splitlines()[2:]
    assert rows == [f"| {size} | not measured | not measured | not measured |" for size in ("small", "base", "large")]


@pytest.mark.long
def test_training_row_of_an_accelerator_runs_and_knows_no_peak_of_a_processor():
    rate, share_of_peak, waited = accelerator.training(small(precision="bfloat16"), steps=2)
    assert float(rate) > 0
    assert share_of_peak.startswith("not measured")
    assert 0 <= float(waited.rstrip("%")) <= 100


@pytest.mark.long
def test_updates_go_on_from_their_own_state_and_save_what_a_peer_needs(tmp_path):
    step = stepper(small(), "update", tmp_path / "saved.npz")
    losses = [step() for _ in range(20)]
    assert losses[0] == losses[1]  # the rate warms up from 0
    assert losses[-1] < losses[0]
    saved = np.load(tmp_path / "saved.npz")
    assert saved["encoder/blocks/up/kernel"].shape == (1, 16, 64)
    assert saved["clips"].shape == (4, 8, 48, 48, 1)
    assert saved["rates"][0] == 0
