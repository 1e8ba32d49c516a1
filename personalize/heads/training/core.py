"""Networks trained by one compiled program: a member is one fit, to some of the rows, from one start.

Members are people, folds and seeds. They share the rows, which lie on the device once; each has a schedule of rows of
its own. On accelerators all members take a step at once. On a processor they take turns, since convolutions with a
kernel per member are slow there; and so are gradients of convolutions within a compiled loop (16 times on two cores),
hence a network with convolutions is stepped from outside.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Shaped

from personalize.heads.networks.network import Answer, Described, Model, run
from personalize.heads.training.losses import Task, task_loss
from personalize.heads.training.pairs import OF_SCORES, PairTerm, pair_loss
from pretrain.training.optimizer import OptimizerConfig, hold, rate_scales

PIECE = 64
"""Rows that are answered together where nothing is trained."""
AnyArray = Array | np.ndarray
"""On the device or not yet."""


class Plan(NamedTuple):
    """What is compiled in."""

    tasks: tuple[Task, ...]
    pairs: tuple[PairTerm, ...]
    optimizer: Literal["adam", "sgd"]
    momentum: float
    """Of `sgd`."""
    freeze: tuple[str, ...]


class Rows(NamedTuple):
    """The rows of everybody."""

    pool: Shaped[AnyArray, "pool ..."]
    """Pictures, films, or features; what rows are picked from."""
    places: Int[AnyArray, "n *picks"]
    """The place of a row in the pool, or places, one after the other: target and references, moments of a window."""
    y: Float[AnyArray, "n columns"]
    person: Int[AnyArray, "n"]


class Member(NamedTuple):
    """One fit; with an axis of members first where there are several."""

    model: Model
    """To start from."""
    mean: Float[AnyArray, "*m d"]
    scale: Float[AnyArray, "*m d"]
    """Of the rows' last axis: what is taken away, and then divided by."""
    weight: Float[AnyArray, "*m n columns"]
    """Of every label; 0 for one that is missing."""
    seed: Int[AnyArray, "*m"]
    """Of what is dropped out."""
    rate: Float[AnyArray, "*m"]
    decay: Float[AnyArray, "*m"]
    decay_steps: Float[AnyArray, "*m"]
    """The rate of learning; what it is multiplied with, and after how many steps each time."""


class State(NamedTuple):
    """Where a member stands; with an axis of members first where there are several."""

    parameters: Float[Array, "*m p"]
    """As `ravel_pytree` lays them out: one vector is far less to compile than many arrays."""
    statistics: Any
    optimizer: Any
    step: Int[Array, "*m"]


class Trained(NamedTuple):
    """What training found, with an axis of members first."""

    model: Model
    """Of the best checkpoint on what is held back, else of the last step."""
    best: Int[np.ndarray, "m"]
    """That checkpoint, from 1; 0 is the start, -1 the end where nothing is held back."""
    held: Float[np.ndarray, "m checks"]
    """The loss on what is held back, at the start and at every checkpoint reached; NaN elsewhere."""


def train(
    network: Described,
    plan: Plan,
    rows: Rows,
    members: Member,
    schedule: Int[np.ndarray, "m checks every batch"],
    held: Int[np.ndarray, "m v"],
    patience: int | None = None,
) -> Trained:
    """Trains all members. A step of the schedule whose rows are -1 changes nothing; `held` is padded with -1."""
    rows = Rows(*map(jnp.asarray, rows))  # to the device, once for all steps
    if len(schedule) > 1 and steps_outside(members.model):
        parts = [
            train(network, plan, rows, jax.tree.map(lambda a, i=i: a[i : i + 1], members), *data, patience)
            for i, data in enumerate(zip(schedule[:, None], held[:, None], strict=True))
        ]
        return jax.tree.map(lambda *some: np.concatenate(some), *parts)
    members = jax.tree.map(jnp.asarray, members)
    state = _begin(plan, members.model)
    if held.shape[1] == 0:
        for some in schedule.swapaxes(0, 1):
            state = _advance(network, plan, rows, members, state, some)
        nothing = np.full((len(schedule), 1), np.nan)
        return Trained(_models(members, state), np.full(len(schedule), -1), nothing)
    return _best(network, plan, rows, members, state, schedule, held, patience)


def _best(
    network: Described, plan: Plan, rows: Rows, members: Member, state: State,
    schedule: Int[np.ndarray, "m checks every batch"], held: Int[np.ndarray, "m v"], patience: int | None,
) -> Trained:  # fmt: skip
    """Training that keeps the best checkpoint; a member whose patience has ended changes no more."""
    losses = np.full((schedule.shape[1] + 1, len(schedule)), np.nan)
    losses[0] = _held_loss(network, plan, rows, members, state, held)
    kept, best = state, np.zeros(len(schedule), int)
    for check, some in enumerate(schedule.swapaxes(0, 1), start=1):
        going = np.full(len(best), True) if patience is None else check - best <= patience
        if not going.any():
            break
        state = _advance(network, plan, rows, members, state, np.where(going[:, None, None], some, -1))
        now = _held_loss(network, plan, rows, members, state, held)
        losses[check] = np.where(going, now, np.nan)
        least = losses[best, np.arange(len(best))]
        better = going & np.isfinite(now) & ~(now >= least)  # a start without a finite loss is no best
        best = np.where(better, check, best)
        kept = _chosen(better, state, kept)
    return Trained(_models(members, kept), best, losses.T)


def answers(
    network: Described,
    model: Model,
    mean: Float[np.ndarray, "units"],
    scale: Float[np.ndarray, "units"],
    pool: Shaped[np.ndarray, "pool ..."],
    places: Int[np.ndarray, "n *picks"],
) -> tuple[Float[np.ndarray, "n votes outputs"], Float[np.ndarray, "n votes d"]]:
    """Values and features of one trained network, whose rows are picked here, so that their number compiles nothing."""
    parts = []
    for first in range(0, len(places), PIECE):
        some = np.arange(first, first + PIECE) % len(places)
        answer = _look(network, model, mean, scale, pool[places[some]])
        parts.append([np.asarray(part) for part in answer])
    values, features = (np.concatenate(some)[: len(places)] for some in zip(*parts, strict=True))
    return values, features


def steps_outside(model: Model) -> bool:
    """Whether every step is a call of its own, and members are trained one by one."""
    return jax.default_backend() == "cpu" and any(leaf.ndim > 3 for leaf in jax.tree.leaves(model.parameters))


def _advance(
    network: Described, plan: Plan, rows: Rows, members: Member, state: State, some: Int[np.ndarray, "m every batch"]
) -> State:
    """All steps to the next checkpoint."""
    if not steps_outside(members.model):
        return _scan(network, plan, rows, members, state, some)
    for step in some.swapaxes(0, 1):
        if (step >= 0).any():
            state = _step(network, plan, rows, members, state, step)
    return state


@partial(jax.jit, static_argnames="plan")
def _begin(plan: Plan, model: Model) -> State:
    flat = jax.vmap(lambda tree: ravel_pytree(tree)[0])(model.parameters)
    return State(flat, model.statistics, jax.vmap(_transformation(plan).init)(flat), jnp.zeros(len(flat), int))


def _models(members: Member, state: State) -> Model:
    """Where all members stand, as arrays on this side."""
    leaves, tree = jax.tree.flatten(members.model.parameters)
    ends = np.cumsum([leaf[0].size for leaf in leaves])[:-1]
    parts = zip(np.split(np.asarray(state.parameters), ends, axis=1), leaves, strict=True)
    parameters = jax.tree.unflatten(tree, [part.reshape(leaf.shape) for part, leaf in parts])
    return Model(parameters, jax.tree.map(np.asarray, state.statistics))


def _model(member: Member, state: State) -> Model:
    """Where one member stands."""
    return Model(ravel_pytree(member.model.parameters)[1](state.parameters), state.statistics)


@partial(jax.jit, static_argnames=("network", "plan"))
def _step(
    network: Described, plan: Plan, rows: Rows, members: Member, state: State, some: Int[Array, "m batch"]
) -> State:
    return _over_members(partial(_one_step, network, plan, rows))(members, state, some)


@partial(jax.jit, static_argnames=("network", "plan"))
def _scan(
    network: Described, plan: Plan, rows: Rows, members: Member, state: State, some: Int[Array, "m every batch"]
) -> State:
    def one(member: Member, state: State, some: Int[Array, "every batch"]) -> State:
        step = partial(_one_step, network, plan, rows, member)
        return jax.lax.scan(lambda state, now: (step(state, now), None), state, some)[0]

    return _over_members(one)(members, state, some)


@partial(jax.jit, static_argnames="network")
def _look(network: Described, model: Model, mean: Array, scale: Array, x: Shaped[Array, "piece ..."]) -> Answer:
    return run(network, model, _standardised(x, mean, scale))[0]


@partial(jax.jit, static_argnames="network")
def _answers(network: Described, rows: Rows, members: Member, state: State, some: Int[Array, "m piece"]) -> Answer:
    def one(member: Member, state: State, some: Int[Array, "piece"]) -> Answer:
        return run(network, _model(member, state), _inputs(rows, member, some))[0]

    return _over_members(one)(members, state, some)


def _over_members(one: Callable[..., Any]) -> Callable[..., Any]:
    """Does it for all members: at once, or one after the other on a processor, whose cache one member fits."""

    def all_of_them(*arrays: Any) -> Any:
        if len(jax.tree.leaves(arrays)[0]) == 1:  # no loop around it
            found = one(*jax.tree.map(lambda a: a[0], arrays))
            return jax.tree.map(lambda a: a[None], found)
        if jax.default_backend() != "cpu":
            return jax.vmap(one)(*arrays)
        return jax.lax.map(lambda some: one(*some), arrays)

    return all_of_them


def _one_step(
    network: Described, plan: Plan, rows: Rows, member: Member, state: State, some: Int[Array, "batch"]
) -> State:
    """One step of one member on these rows."""
    scales = rate_scales(OptimizerConfig(freeze=plan.freeze), member.model.parameters)
    key = jax.random.fold_in(jax.random.key(member.seed), state.step)

    def loss(parameters: Array) -> tuple[Array, Any]:
        model = _model(member, state._replace(parameters=parameters))
        model = model._replace(parameters=hold(model.parameters, scales))
        return _loss(network, plan, rows, member, model, some, key)

    slope, statistics = jax.grad(loss, has_aux=True)(state.parameters)
    found: Any = _transformation(plan).update(slope, state.optimizer)
    rate = member.rate * member.decay ** jnp.floor(state.step / member.decay_steps)
    after = State(state.parameters - rate * found[0], statistics, found[1], state.step + 1)
    return jax.tree.map(partial(jnp.where, some[0] >= 0), after, state)


def _loss(
    network: Described, plan: Plan, rows: Rows, member: Member, model: Model, some: Int[Array, "batch"], key: Array
) -> tuple[Float[Array, ""], Any]:
    """The loss of these rows, and the running statistics after them."""
    x, y, weight = _inputs(rows, member, some), rows.y[some], member.weight[some]
    answer, statistics = run(network, model, x, key)
    total = task_loss(plan.tasks, answer.values, y, weight)
    for term in plan.pairs:
        swapped = run(network, model, x[:, ::-1], key)[0] if term.kind == "antisymmetric" else None
        total += term.weight * pair_loss(term, answer, swapped, y[:, 0], weight[:, 0], rows.person[some])
    return total, statistics


def _held_loss(
    network: Described, plan: Plan, rows: Rows, members: Member, state: State, held: Int[np.ndarray, "m v"]
) -> Float[np.ndarray, "m"]:
    """The loss of every member on what it holds back: of the tasks, or of the pairs where there is no task."""
    padded = np.pad(held, ((0, 0), (0, -held.shape[1] % PIECE)), constant_values=-1)
    parts = [
        _answers(network, rows, members, state, np.maximum(padded[:, first : first + PIECE], 0))
        for first in range(0, padded.shape[1], PIECE)
    ]
    answer = jax.tree.map(lambda *some: np.concatenate(some, axis=1), *parts)
    return np.asarray(_held(plan, rows, members.weight, answer, padded))


@partial(jax.jit, static_argnames="plan")
def _held(plan: Plan, rows: Rows, weight: Array, answer: Answer, held: Int[Array, "m v"]) -> Float[Array, "m"]:
    def one(weight: Array, answer: Answer, held: Array) -> Float[Array, ""]:
        y, w = rows.y[held], weight[held] * (held >= 0)[:, None]
        if plan.tasks:
            return task_loss(plan.tasks, answer.values, y, w)
        some = [term for term in plan.pairs if term.kind in OF_SCORES]
        losses = [term.weight * pair_loss(term, answer, None, y[:, 0], w[:, 0], rows.person[held]) for term in some]
        return sum(losses, jnp.zeros(()))

    return jax.vmap(one)(weight, answer, held)


def _inputs(rows: Rows, member: Member, some: Int[Array, "batch"]) -> Float[Array, "batch ..."]:
    """The rows as the network takes them."""
    return _standardised(rows.pool[rows.places[some]], member.mean, member.scale)


def _standardised(x: Shaped[Array, "n ..."], mean: AnyArray, scale: AnyArray) -> Float[Array, "n ..."]:
    return (x.astype(jnp.float32) - mean) / scale


def _transformation(plan: Plan) -> optax.GradientTransformation:
    """From gradients to the direction that the rate is multiplied with."""
    return optax.scale_by_adam() if plan.optimizer == "adam" else optax.trace(plan.momentum)


@jax.jit
def _chosen(better: Bool[Array, "m"], now: State, before: State) -> State:
    def one(a: Array, b: Array) -> Array:
        return jnp.where(better.reshape(-1, *(1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(one, now, before)
