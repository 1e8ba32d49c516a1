"""All people, strengths, seeds and folds trained in one compiled program.

A job is one fit to one person's rows. People lie on one axis of the arrays and the variants of their fits (seeds,
strengths, numbers of steps) on another, so that variants share the person's rows; folds are more people. Rows are
padded, and what is padded changes nothing.

Every fit starts at the population model and is drawn back to it: the objective is the sum of the losses of the rows
learnt from plus strength / 2 times the squared distance of the parameters from their start, each in units in which
it changes the outputs about as much as any other. In the units of labels standardised to variance one the strength
is the variance of the noise over that of what people's own departure adds to a prediction.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Shaped

from personalize.adaptation.gradient.losses import Kind, row_losses
from personalize.adaptation.gradient.networks import AnyArray, Network, Population, Tree, fan_in


class Plan(NamedTuple):
    """What is compiled in."""

    kind: Kind
    steps: int
    """Of Adam, the rate falling to zero along half a cosine."""
    every: int
    """Steps from one checkpoint to the next."""
    rate: float
    """Of biases; that of matrices is smaller by their fan-in (muP, Yang 2021)."""


class Rows(NamedTuple):
    """The rows of people."""

    x: Shaped[AnyArray, "people rows ..."]
    y: Float[AnyArray, "people rows"]
    """Standardised numbers or codes of classes."""
    population: Float[AnyArray, "people rows c"]
    """Outputs of the population model, in training people of the one without them."""
    before: Float[AnyArray, "people rows c"]
    """Outputs of the network at its start, which is the population's but for a constant, also in training people."""
    learn: Bool[AnyArray, "people rows"]
    held: Bool[AnyArray, "people rows"]
    """Learnt from; held back to tell when to stop. Padding is neither."""
    asked: Shaped[AnyArray, "people asked ..."]
    """Rows whose outputs are wanted at every checkpoint; there may be none."""


class Variants(NamedTuple):
    """How each person is fitted, once for every variant."""

    start: Tree
    """Parameters to start from, that make the network the population's; with an axis `variants` first."""
    strength: Float[AnyArray, "people variants"]
    last: Int[AnyArray, "people variants"]
    """The step to stop at where nothing is held back."""


class Fitted(NamedTuple):
    """What training found, with axes people and variants first."""

    parameters: Float[Array, "people variants p"]
    """Those of the best checkpoint on what is held back, else those of step `last`; as `ravel_pytree` lays them out."""
    best: Int[Array, "people variants"]
    """The checkpoint that they are of, from 0; -1 for the start, which is the population model."""
    outputs: Float[Array, "people variants checkpoints asked c"]
    """Of the network for the rows asked, at every checkpoint after the start."""


@partial(jax.jit, static_argnames=("network", "plan"))
def train(network: Network, plan: Plan, shared: Tree, population: Population, rows: Rows, variants: Variants) -> Fitted:
    """Fits everybody. What is `shared` exists once, `population` once per person."""
    start, strength, last = variants
    asked, c = rows.asked.shape[1], rows.population.shape[2]
    count, size = strength.shape[1], sum(leaf[0].size for leaf in jax.tree.leaves(start))

    def person(population: Population, rows: Any, strength: Array, last: Array) -> Fitted:
        one = partial(_fit, network, plan, shared, population, rows)
        return Fitted(*jax.vmap(one)(start, strength, last))

    nothing = Fitted(
        jnp.zeros((count, size)), jnp.zeros(count, int), jnp.zeros((count, plan.steps // plan.every, asked, c))
    )
    return _over_people(person, nothing, rows.learn.any(axis=1), population, rows, strength, last)


@partial(jax.jit, static_argnames=("network",))
def outputs(
    network: Network,
    shared: Tree,
    population: Population,
    like: Tree,
    parameters: Float[AnyArray, "people p"],
    x: Shaped[AnyArray, "people rows ..."],
    used: Bool[AnyArray, "people"],
) -> Float[Array, "people rows c"]:
    """What the network puts out with fitted parameters, one set per person, laid out as the tree `like`."""
    _, unravel = ravel_pytree(like)

    def person(population: Population, free: Array, x: Array) -> Array:
        return network.apply(shared, population, unravel(free), x)

    nothing = jnp.zeros((x.shape[1], population.kernel.shape[2]))
    return _over_people(person, nothing, used, population, parameters, x)


def _over_people(person: Callable[..., Any], nothing: Any, used: Any, *arrays: Any) -> Any:
    """Does it for all people; what comes out for those not used means nothing.

    All at once on accelerators. On a processor one after the other, within the same program: the rows of one person
    stay in its cache over all steps, and those not used cost nothing.
    """
    if jax.default_backend() != "cpu":
        return jax.vmap(person)(*arrays)
    return jax.lax.map(lambda one: jax.lax.cond(one[0], person, lambda *_: nothing, *one[1]), (used, arrays))


def _fit(
    network: Network,
    plan: Plan,
    shared: Tree,
    population: Population,
    rows: Any,
    tree: Tree,
    strength: Array,
    last: Array,
) -> tuple[Array, Array, Array]:
    start, unravel = ravel_pytree(tree)  # one vector is far less to compile than many leaves
    fan, _ = ravel_pytree(jax.tree.map(_fan_ins, tree))
    tx, rate = optax.scale_by_adam(), optax.cosine_decay_schedule(plan.rate, plan.steps)

    def apply(free: Array, x: Array) -> Array:
        return network.apply(shared, population, unravel(free), x)

    def losses(outputs: Array) -> Array:
        return row_losses(plan.kind, rows.population - rows.before + outputs, rows.y)

    def objective(free: Array) -> Array:
        pull = strength / 2 * (fan * (free - start) ** 2).sum()
        return (_total(losses(apply(free, rows.x)), rows.learn) + pull) / jnp.maximum(rows.learn.sum(), 1)

    def step(carry: Any, number: Array) -> tuple[Any, None]:
        free, state = carry
        updates: Any = tx.update(jax.grad(objective)(free), state)
        change, state = updates
        return (free - rate(number) / fan * change, state), None

    def checkpoint(carry: Any, number: Array) -> tuple[Any, Array]:
        free, state, kept = carry
        (free, state), _ = jax.lax.scan(step, (free, state), number * plan.every + jnp.arange(plan.every))
        both = apply(free, jnp.concatenate([rows.x, rows.asked]))  # at once, as a network is long to compile
        now, asked = losses(both[: len(rows.x)]), both[len(rows.x) :]
        found = {"free": free, "held": _total(now, rows.held), "best": number}
        better = jnp.where(rows.held.any(), found["held"] < kept["held"], (number + 1) * plan.every <= last)
        better &= jnp.isfinite(_total(now, rows.learn))  # a fit that broke down never wins
        return (free, state, jax.tree.map(partial(jnp.where, better), found, kept)), asked

    kept = {"free": start, "held": _total(losses(rows.before), rows.held), "best": jnp.asarray(-1)}
    begin = (start, tx.init(start), kept)
    (_, _, kept), asked = jax.lax.scan(checkpoint, begin, jnp.arange(plan.steps // plan.every))
    return kept["free"], kept["best"], asked


def _fan_ins(leaf: Array) -> Array:
    return jnp.full(leaf.shape, fan_in(leaf), leaf.dtype)


def _total(losses: Float[Array, "rows"], which: Bool[Array, "rows"]) -> Float[Array, ""]:
    return jnp.where(which, losses, 0.0).sum()
