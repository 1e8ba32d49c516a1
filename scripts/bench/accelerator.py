"""Clips per second, MFU and waiting for data of the usual sizes in bfloat16, where there is an accelerator."""

import tempfile
from functools import partial
from pathlib import Path

import jax

from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.training.clock import Clock
from pretrain.training.flops import mfu
from pretrain.training.mesh import make_mesh
from pretrain.training.step import init_state, make_step, place
from scripts.bench.turns import table
from scripts.bench.work import crop_side, draw_clips, in_steps, video_vit

SIZES = ("small", "base", "large")
NOT_MEASURED = "not measured"


def accelerator_table(steps: int) -> str:
    """A line for every size; "not measured" where JAX finds only the processor."""
    rows = []
    for size in SIZES:
        config = video_vit(size, frames=16, side=224, tracks=8, clips_per_track=4, precision="bfloat16")
        here = jax.default_backend() in ("gpu", "tpu")
        rows.append([size, *(training(config, steps) if here else [NOT_MEASURED] * 3)])
    return table(["ViT, bfloat16, 16 x 224 px", "clips/s", "MFU", "data wait"], rows)


def training(config: PretrainConfig, steps: int) -> list[str]:
    """Clips per second, MFU (where the device's peak is known) and the share of waiting for data, of the real thing.

    The batch is the same for any number of devices, which all work on it.
    """
    config, mesh = in_steps(config), make_mesh()
    with tempfile.TemporaryDirectory() as folder:
        clips = draw_clips(Path(folder) / "clips", crop_side(config))
        loader = ClipLoader(
            clips, config.batch, config.clip, channels=config.encoder.channels, views=config.views, seed=0
        )
        batches, step, state = loader.batches(), make_step(config, mesh), init_state(config, mesh)
        state, metrics = step(state, place(mesh, next(batches)))
        jax.block_until_ready(metrics)  # compiled
        share = partial(mfu, config, devices=mesh.size, device_kind=mesh.devices.flat[0].device_kind)
        clock = Clock(0, config.batch.tracks * config.batch.clips_per_track, share)
        for _ in range(steps):
            before = metrics
            with clock.waiting():
                batch = place(mesh, next(batches))
            state, metrics = step(state, batch)
            jax.block_until_ready(before)  # one step ahead of the device, as the loop is
        jax.block_until_ready(metrics)
        read = clock.read(steps)
    share_of_peak = f"{read['mfu']:.1%}" if "mfu" in read else f"{NOT_MEASURED} (peak of this device not known)"
    return [f"{read['clips_per_second']:.1f}", share_of_peak, f"{read['data_wait']:.1%}"]
