"""A population model, or a person's, that is a network trained on labels: pictures, films, windows or features in."""

import dataclasses
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped, UInt32
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from personalize.adaptation.base import Prediction, of_classes
from personalize.adaptation.gradient.jobs import evenly
from personalize.adaptation.rows import checked, record
from personalize.heads.indexed import Indexed
from personalize.heads.networks.network import Described, Model, NetworkConfig, initial
from personalize.heads.training.core import Member, Plan, Rows, Trained, answers, train
from personalize.heads.training.jobs import MOST_VALIDATED, Job, Some, check_labels, checkpoints, make_job, padded
from personalize.heads.training.losses import Task, sizes
from personalize.heads.training.pairs import OF_SCORES, PairTerm
from personalize.heads.training.schedule import Training
from personalize.heads.training.weights import Weights, with_weights
from personalize.protocols.leakage import assert_disjoint
from personalize.protocols.seen import Seen, saw
from personalize.protocols.units import read_units
from pretrain.errors import UserError

PLAIN, USUAL = NetworkConfig(), Training()


class NetworkHead(BaseEstimator):
    """A network as an estimator.

    X are rows of any shape, or `Indexed` ones; pixels (uint8) are divided by 255, other numbers standardised by the
    rows learnt from. y has a column per label of the `tasks`, NaN for a label that is missing. The first task tells
    what is predicted: classes (`ce`, or `bce` with one output), or the number that is the mean of the outputs
    `answer`, each raised to `least` if it is lower. Without a task, pairs alone give one score without units.

    Learned: `model_`, `mean_` and `scale_` of the rows, `best_` and `held_` (the checkpoint kept and the loss on what
    was held back, see `Trained`), `se_` (root mean square error of the answer, on what was held back if anything was,
    else on the rows learnt from; NaN where the answer is no number of a task), `participants_`, `seen_`.
    """

    if TYPE_CHECKING:  # there only once fitted
        model_: Model
        described_: Described
        mean_: np.ndarray
        scale_: np.ndarray
        best_: int
        held_: np.ndarray
        se_: float
        participants_: frozenset[str]
        seen_: Seen

    def __init__(
        self,
        network: NetworkConfig = PLAIN,
        tasks: tuple[Task, ...] = (Task(),),
        pairs: tuple[PairTerm, ...] = (),
        training: Training = USUAL,
        *,
        answer: tuple[int, ...] = (0,),
        least: float | int | None = None,
        weights: Weights | None = None,
        seed: int = 0,
    ) -> None:
        self.network = network
        self.tasks = tasks
        self.pairs = pairs
        self.training = training
        self.answer = answer
        self.least = least
        self.weights = weights
        self.seed = seed

    def fit(
        self,
        X: Some,
        y: Float[np.ndarray, "n *columns"],
        groups: Any,
        *,
        held_out: Iterable[str],
        sample_weight: Float[np.ndarray, "n"] | None = None,
        start: "NetworkHead | None" = None,
    ) -> "NetworkHead":
        """Fits on participants `groups`, none of whom may be among those `held_out` (`LeakError`).

        With `start` it goes on from that network's numbers instead of from chance. Raises `UserError` for rows or
        labels that do not fit, and where training breaks down.
        """
        starts = None if start is None else [start]
        fit_together([self], X, y, groups, [np.arange(len(X))], [held_out], sample_weight, starts)
        return self

    @property
    def left_out_(self) -> Prediction:
        """Not there: it would take a training per participant."""
        raise AttributeError("a network has no left_out_: predicting each participant without them would take as many "
                             "trainings as there are participants")  # fmt: skip

    def predict(self, X: Some) -> Prediction:
        """The same prediction for everybody."""
        return self.prediction(self.votes(X))

    def outputs(self, X: Some) -> Float[np.ndarray, "n outputs"]:
        """Every output for itself, raised to `least`: the mean over references, or over frames that vote."""
        return self._raised(self.votes(X)).mean(axis=1)

    def votes(self, X: Some) -> Float[np.ndarray, "n votes outputs"]:
        """What the network puts out, for every reference or voting frame."""
        return self._answers(X)[0]

    def features(self, X: Some) -> Float[np.ndarray, "n d"]:
        """What the outputs are linear in; the mean over references, or over frames that vote."""
        return self._answers(X)[1].mean(axis=1)

    def prediction(self, votes: Float[np.ndarray, "n votes outputs"]) -> Prediction:
        """What follows from the votes: classes by their mean probability, numbers by their mean."""
        kind = self.tasks[0].loss if self.tasks else "score"
        if kind == "ce":
            return of_classes(softmax(votes[:, :, : self.tasks[0].outputs], axis=2).mean(axis=1))
        if kind == "bce" and self.tasks[0].outputs == 1:
            p = expit(votes[:, :, 0]).mean(axis=1)
            return of_classes(np.column_stack([1 - p, p]))
        value = self._raised(votes)[:, :, list(self.answer)].mean(axis=(1, 2))
        return Prediction(value, np.full(len(value), self.se_))

    def _raised(self, votes: Float[np.ndarray, "n votes outputs"]) -> Float[np.ndarray, "n votes outputs"]:
        return votes if self.least is None else np.maximum(votes, self.least)

    def _answers(self, X: Some) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self, "model_")
        if not (fine := _finite_rows(X)).all():
            raise UserError(f"row {int(fine.argmin())} of the features is not finite")
        if (found := described(self, X)) != self.described_:
            raise UserError(f"rows of shape {list(found.shape)} for a network that was fitted on rows of shape "
                            f"{list(self.described_.shape)}")  # fmt: skip
        if not len(X):
            return np.zeros((0, 1, found.outputs)), np.zeros((0, 1, 1))
        values, features = answers(found, self.model_, self.mean_, self.scale_, *_picked(X))
        return values.astype(float), features.astype(float)


def fit_together(
    heads: Sequence[NetworkHead],
    X: Some,
    y: Float[np.ndarray, "n *columns"],
    groups: Any,
    rows: Sequence[Int[np.ndarray, "_"]],
    held_out: Sequence[Iterable[str]],
    sample_weight: Float[np.ndarray, "n"] | None = None,
    start: Sequence[NetworkHead] | None = None,
) -> None:
    """Fits heads that differ in the seed alone, each on its own rows, by one program: people, folds, seeds.

    Each becomes what it would be if it were fitted alone. Raises what `NetworkHead.fit` does.
    """
    first, labels, units = heads[0], y.reshape(len(y), -1), read_units(groups, who="a network")
    _check(heads, X, labels)
    names = checked(_finite_rows(X, np.nan)[:, None], np.where(np.isfinite(labels).any(axis=1), 0.0, np.nan), units)
    for own, out in zip(rows, held_out, strict=True):
        assert_disjoint(np.unique(names[own]), out)
    network = described(first, X)
    jobs = [
        make_job(first.tasks, first.training, head.seed, X, labels, units, own, len(network.shape), sample_weight)
        for head, own in zip(heads, rows, strict=True)
    ]
    starts = [None] * len(heads) if start is None else start
    members = [_member(network, first.training, *each) for each in zip(heads, jobs, starts, strict=True)]
    tasks = tuple(dataclasses.replace(task, class_weight=None) for task in first.tasks)  # that is in the weights
    optimizer = first.training.optimizer
    plan = Plan(tasks, first.pairs, optimizer.name, optimizer.momentum, first.training.freeze)
    person = np.unique(names, return_inverse=True)[1].astype(np.int32)
    data = Rows(*_picked(X), np.nan_to_num(labels).astype(np.float32), person)
    steps = checkpoints(jobs, first.training.checks if first.training.validate_on != "nothing" else 1)
    held = padded([job.held for job in jobs])
    found = train(network, plan, data, _stacked(members), steps, held, first.training.patience)
    for i, (head, job, own, before) in enumerate(zip(heads, jobs, rows, starts, strict=True)):
        head.mean_, head.scale_ = np.asarray(members[i].mean), np.asarray(members[i].scale)
        head.described_, head.participants_ = network, frozenset(map(str, np.unique(names[own])))
        head.seen_ = record(None if before is None else before.seen_, saw(units.take(own)))
        _keep(head, jax.tree.map(lambda leaf, i=i: leaf[i], found), job, X, labels)


def described(head: NetworkHead, X: Some) -> Described:
    """The head's network for these rows."""
    referenced = head.network.difference is not None
    if not isinstance(X, Indexed):
        if referenced:
            raise UserError("a network with a difference takes Indexed rows: the target's place, then its references'")
        return Described(head.network, X.shape[1:], sizes(head.tasks)[0])
    picks, shape = X.index.shape[1], X.pool.shape[1:]
    if referenced and picks < 2:
        raise UserError("a network with a difference needs a target and at least one reference in every row")
    return Described(head.network, shape if referenced or picks == 1 else (picks, *shape), sizes(head.tasks)[0])


def _picked(X: Some) -> tuple[Shaped[np.ndarray, "pool ..."], Int[np.ndarray, "n *picks"]]:
    """Rows as places in a pool; rows of a single place have no axis for it."""
    if not isinstance(X, Indexed):
        return X, np.arange(len(X), dtype=np.int32)
    index = X.index.astype(np.int32)
    return X.pool, index[:, 0] if index.shape[1] == 1 else index


def _member(network: Described, training: Training, head: NetworkHead, job: Job, start: NetworkHead | None) -> Member:
    """A fit before it starts."""
    if start is not None and start.described_ != network:
        raise UserError("training goes on only from a network of the same parts, outputs and rows")
    model = _fresh(network, jnp.uint32(head.seed)) if start is None else start.model_
    if head.weights is not None:
        model = with_weights(jax.tree.map(np.asarray, model), head.weights)
    mean, scale = (job.mean, job.scale) if start is None else (start.mean_, start.scale_)
    optimizer = training.optimizer
    rates = (optimizer.rate, optimizer.decay, optimizer.decay_epochs * job.per_epoch)
    seed = np.array(head.seed, np.uint32)
    return Member(model, mean, scale, job.weight, seed, *(np.array(number, np.float32) for number in rates))


@partial(jax.jit, static_argnames="network", compiler_options={"xla_backend_optimization_level": 0})  # run once
def _fresh(network: Described, seed: UInt32[Array, ""]) -> Model:
    return initial(network, jax.random.key(seed))


def _stacked(members: Sequence[Member]) -> Member:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *members)


def _keep(head: NetworkHead, found: Trained, job: Job, X: Some, labels: Float[np.ndarray, "n columns"]) -> None:
    """What a fit has learnt; raises `UserError` where it broke down."""
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found.model)):
        raise UserError(f"training broke down at seed {head.seed}: numbers are not finite; lower "
                        f"training.optimizer.rate={head.training.optimizer.rate:g}")  # fmt: skip
    head.model_, head.best_, head.held_ = found.model, int(found.best), found.held
    head.se_ = float("nan")
    if head.tasks and head.tasks[0].loss in ("mse", "huber"):
        rows = job.held if len(job.held) else evenly(job.learn, MOST_VALIDATED)
        truth = labels[rows][:, list(head.answer)]
        known = np.isfinite(truth)
        error = head.outputs(_taken(X, rows))[:, list(head.answer)] - np.where(known, truth, 0.0)
        head.se_ = float(np.sqrt((error[known] ** 2).mean())) if known.any() else float("nan")


def _taken(X: Some, rows: Int[np.ndarray, "k"]) -> Any:
    return X.take(rows) if isinstance(X, Indexed) else X[rows]


def _finite_rows(X: Some, otherwise: float = 0.0) -> Float[np.ndarray, "n"]:
    """1 for rows that hold nothing but finite numbers."""
    some = X.pool if isinstance(X, Indexed) else X
    if some.dtype.kind in "ui":
        return np.ones(len(X))
    fine = np.where(np.isfinite(some).all(axis=tuple(range(1, some.ndim))), 1.0, otherwise)
    return fine[X.index].min(axis=1) if isinstance(X, Indexed) else fine


def _check(heads: Sequence[NetworkHead], X: Some, labels: Float[np.ndarray, "n columns"]) -> None:
    """Raises `UserError` where heads differ in more than the seed, or labels and pairs are not what tasks need."""
    first = heads[0]
    for head in heads[1:]:
        if head.get_params() | {"seed": 0} != first.get_params() | {"seed": 0}:
            raise UserError("networks that are fitted together may differ in their seed alone")
    check_labels(first.tasks, labels)
    if not first.tasks and not any(term.kind in OF_SCORES for term in first.pairs):
        raise UserError(f"a network without tasks needs a pair term of {', '.join(OF_SCORES)}")
    outputs = sizes(first.tasks)[0]
    if any(not 0 <= place < outputs for place in first.answer):
        raise UserError(f"answer={first.answer}: there are {outputs} outputs, counted from 0")
    if any(term.kind == "antisymmetric" for term in first.pairs) and not (
        first.network.difference is not None and isinstance(X, Indexed) and X.index.shape[1] == 2
    ):
        raise UserError("the antisymmetric term needs a network with a difference and rows of two places")
