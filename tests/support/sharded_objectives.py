"""Values and gradients of the objectives on 1, 2 and 8 devices, in a process of its own: the number of devices is fixed
before JAX starts.

    python -m tests.support.sharded_objectives OUT.npz
"""

import sys

import jax

DEVICES = (1, 2, 8)
TRACKS, CLIPS, WIDTH, TEMPERATURE = 16, 2, 3, 0.2
CELLS = (2, 2, 2)


def inputs():
    """All inputs of the objectives, by name; the first axis is tracks, or clips for masked."""
    import numpy as np

    rng = np.random.default_rng(0)
    shape = (TRACKS, CLIPS)
    keep = np.stack([rng.permutation(4)[:1] for _ in range(TRACKS)])
    draw = {
        "features": rng.normal(size=(*shape, 2, WIDTH)),
        "measures": rng.normal(size=(*shape, 5)),
        "time": 3.0 * np.arange(CLIPS) + rng.random(shape),
        "head": rng.normal(size=(WIDTH, 5)),
        "predicted": rng.normal(size=(TRACKS, 2, 4, 8)),
        "clips": rng.normal(size=(TRACKS, 4, 4, 4, 1)),
        "log_temperature": np.log(TEMPERATURE),
    }
    single = {name: np.asarray(value, np.float32) for name, value in draw.items()}
    return single | {"known": rng.random((*shape, 5)) < 0.8, "track": np.arange(TRACKS), "keep": keep}


ARGUMENTS = {
    "contrastive": ("features", "log_temperature", "measures", "known", "time", "track"),
    "pairwise": ("features", "head", "measures", "known"),
    "masked": ("predicted", "clips", "keep"),
}
"""Of every objective; gradients are those of the float arguments among the first two that training moves."""
MOVED = {"contrastive": (0, 1), "pairwise": (0, 1), "masked": (0,)}
WHOLE = ("head", "log_temperature")


def contrastive(features, log_temperature, measures, known, time, track):
    import jax.numpy as jnp

    from pretrain.objectives.contrastive import (
        candidate_counts,
        info_nce,
        measure_distance,
        soft_targets,
        temperature_of,
    )

    n = features.shape[0] * CLIPS
    distance = measure_distance(measures.reshape(n, -1), known.reshape(n, -1))
    counts = candidate_counts(
        jnp.repeat(track, CLIPS), time.reshape(n), distance, same_track_share=0.3, min_seconds=0.1, weighted=True
    )
    a, b = jnp.moveaxis(features.reshape(n, 2, -1), 1, 0)
    return info_nce(a, b, counts, soft_targets(distance, counts, 0.2), temperature_of(log_temperature))


def pairwise(features, head, measures, known):
    from pretrain.objectives.pairwise import absolute_loss, differences, head_values, pairwise_loss

    rows = features[:, :, 0]
    return pairwise_loss(differences(rows, head), measures, known, 0.5) + absolute_loss(
        head_values(rows, head), measures, known
    )


def masked(predicted, clips, keep):
    from pretrain.objectives.masked import cell_pixels, hidden_tubes, masked_loss

    return masked_loss(predicted, cell_pixels(clips, CELLS), hidden_tubes(keep, 4))


OBJECTIVES = {"contrastive": contrastive, "pairwise": pairwise, "masked": masked}


def per_device(objective, specs, mesh):
    """The fault: every device computes the loss of its own clips, and the losses are averaged."""
    from jax.sharding import PartitionSpec as P

    return jax.shard_map(
        lambda *args: jax.lax.pmean(objective(*args), mesh.axis_names), mesh=mesh, in_specs=specs, out_specs=P()
    )


def whole_loss(meshes):
    """Metrics and gradients by all parameters, on each mesh, of all objectives together on a small transformer."""
    import numpy as np
    from flax import nnx

    from pipelines.configuration import override
    from pretrain.config import PretrainConfig
    from pretrain.training.losses import make_loss, make_views
    from pretrain.training.mesh import batch_sharding, place, replicated
    from pretrain.training.networks import Networks
    from tests.support.batches import SMALL, random_batch

    config = override(PretrainConfig(), SMALL | {"masked.weight": "1", "batch.tracks": "8", "pairwise.weight": "3"})
    batch = random_batch(config)
    begin = jax.jit(lambda: nnx.to_pure_dict(nnx.state(Networks(config, rngs=nnx.Rngs(0)), nnx.Param)))
    start = jax.device_get((begin(), jax.jit(make_views(config))(jax.random.key(0), batch)))
    for mesh in meshes:
        rows = batch_sharding(mesh)
        program = jax.jit(jax.grad(make_loss(config), has_aux=True), in_shardings=(replicated(mesh), rows, rows))
        gradients, metrics = program(*start, place(mesh, batch))
        yield mesh.size, metrics, np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradients)])


def main(out):
    jax.config.update("jax_num_cpu_devices", max(DEVICES))
    import numpy as np
    from jax.sharding import AxisType, Mesh, NamedSharding
    from jax.sharding import PartitionSpec as P

    found, meshes, given = {}, [], inputs()
    for n in DEVICES:
        shape = (1, 1) if n == 1 else (n // 2, 2)
        mesh = Mesh(np.array(jax.devices()[:n]).reshape(shape), ("data", "fsdp"), axis_types=(AxisType.Auto,) * 2)
        for name, objective in OBJECTIVES.items():
            specs = tuple(P() if a in WHOLE else P(("data", "fsdp")) for a in ARGUMENTS[name])
            shardings = [NamedSharding(mesh, spec) for spec in specs]
            args = [jax.device_put(given[a], s) for a, s in zip(ARGUMENTS[name], shardings, strict=True)]
            assert all(len(a.sharding.device_set) == n for a in args)
            ways = {name: objective} | (
                {"per_device": per_device(objective, specs, mesh)} if name == "contrastive" else {}
            )
            for way, function in ways.items():
                value, gradients = jax.jit(jax.value_and_grad(function, argnums=MOVED[name]))(*args)
                found[f"{way}/{n}/value"] = value
                found |= {f"{way}/{n}/gradient{i}": g for i, g in enumerate(gradients)}
        meshes.append(mesh)
    for n, metrics, gradient in whole_loss(meshes):
        found |= {f"whole/{n}/{key}": value for key, value in metrics.items()} | {f"whole/{n}/gradient": gradient}
    np.savez(out, **{key: np.asarray(value) for key, value in found.items()})


if __name__ == "__main__":
    main(sys.argv[1])
