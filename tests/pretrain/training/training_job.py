"""A process that trains some steps and writes what came of it: CONFIG CLIPS OUT DEVICES FSDP.

Started by `test_distributed` with the variables that `start_distributed` reads.
"""

import json
import sys
from pathlib import Path

import jax
import numpy as np
from pydantic import TypeAdapter

from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.training.distributed import start_distributed
from pretrain.training.mesh import make_mesh
from pretrain.training.step import evaluated, init_state, make_embed, place, step_programs


def main(config, clips, out, devices, fsdp):
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", int(devices))
    start_distributed()
    config = TypeAdapter(PretrainConfig).validate_python(json.loads(config))
    mesh = make_mesh(int(fsdp))
    loader = ClipLoader(
        Path(clips),
        config.batch,
        config.clip,
        channels=1,
        views=config.views,
        seed=0,
        process=jax.process_index(),
        processes=jax.process_count(),
    )
    (look, update), batches, losses, first = step_programs(config, mesh), loader.batches(), [], {}
    state = init_state(config, mesh)
    share = max(x.addressable_shards[0].data.size / x.size for x in jax.tree.leaves(state) if x.size > 1000)
    whole = jax.jit(lambda tree: tree, out_shardings=jax.NamedSharding(mesh, jax.P()))
    for n in range(config.steps):
        batch = place(mesh, next(batches))
        views = look(state["step"], batch)
        state, metrics = update(state, views, {k: v for k, v in batch.items() if k != "frames"})
        losses.append(float(metrics["loss"]))
        if n == 0:
            moments = whole(state["opt_state"][1].mu)
            first = {
                f"gradient{jax.tree_util.keystr(p)}": 10 * np.asarray(x) for p, x in jax.tree.leaves_with_path(moments)
            }
    part = loader.parts[0]
    features = make_embed(config, mesh)(evaluated(state), loader.read(part.track, part.windows[:5]))
    if jax.process_index() == 0:
        compiles = [look._cache_size(), update._cache_size()]
        np.savez(out, loss=losses, features=np.asarray(features), share=share, compiles=compiles, **first)


if __name__ == "__main__":
    main(*sys.argv[1:])
