"""`head`, `lora` and `full`: a linear head, low-rank factors or everything trained on a person's labels."""

from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy.special import log_softmax
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from personalize.adaptation.base import Head, Prediction, of_classes
from personalize.adaptation.gradient.batches import in_batches, stacked
from personalize.adaptation.gradient.core import Plan, Variants, outputs, train
from personalize.adaptation.gradient.encoders import BaseEncoder, encoder_network
from personalize.adaptation.gradient.jobs import Data, Job, Room, arrays, evenly, grid_errors, job
from personalize.adaptation.gradient.losses import Kind
from personalize.adaptation.gradient.networks import Network, Population, Tree, Which, feature_network
from personalize.adaptation.prior import choose
from personalize.adaptation.rows import by_person, checked, participants, record
from pretrain.errors import UserError

PIECE = 64
"""Rows of a person that are predicted together."""
LEAST_PROBABILITY = 1e-6
"""What the population model gives a class at least, so that a person's labels can contradict it."""


class Pull(NamedTuple):
    """What the training people say of how to train."""

    strength: float
    """Of the pull to the population: noise variance over the variance of people's departures."""
    last: int
    """The step to stop at where a person has too few labels to hold some back."""


POPULATION = Pull(float("inf"), 0)
"""Under this one a person's model is the population's, whatever their labels."""


class GradientAdaptation(BaseEstimator):
    """Adam from the population model towards a person's labels, drawn back to where it started.

    `which` is trained: the `head`; low-rank factors of `rank` and the head (`lora`); everything (`full`). With
    `encoder` the rows X are its clips, uint8[n t h w c], and `start` a head on its features; without one X are
    features. `at_once` people are fitted together, whether there are so many or not, and `most_asked` test units of
    a training person at most choose the prior; lower both for a large encoder. `room` is the labels and test units of
    a person that arrays are made for where there are fewer, so that all folds and draws of a run are one program.

    Of `FEWEST_TO_HOLD_BACK` labels and more a quarter tells when to stop; with fewer, all are learnt from and the
    training people have told when to stop, as they tell how strong the pull back is.

    Learned: `prior_`, `se_` (root mean square error of adapted training people, who gave `usual_` labels each; numbers
    only), `parameters_` and `labels_` (how many) of everybody who has left the population model, `participants_`,
    `prior_participants_`, `seen_`.
    """

    KEPT = (
        *("which", "kind", "rank", "seed", "at_once", "encoder"),
        *("start_", "prior_", "se_", "usual_", "centre_", "spread_", "population_", "parameters_", "labels_"),
    )
    """What predicting needs."""

    def __init__(
        self,
        which: Which = "head",
        kind: Kind = "number",
        *,
        rank: int = 4,
        steps: int = 200,
        every: int = 20,
        rate: float = 0.1,
        strengths: tuple[float, ...] = (30.0, 10.0, 3.0, 1.0, 0.3),
        seed: int = 0,
        at_once: int = 16,
        most_asked: int = 256,
        room: tuple[int, int] = Room(),
        encoder: BaseEncoder | None = None,
    ) -> None:
        self.which: Which = which
        self.kind: Kind = kind
        self.rank = rank
        self.steps = steps
        self.every = every
        self.rate = rate
        self.strengths = strengths
        self.seed = seed
        self.at_once = at_once
        self.most_asked = most_asked
        self.room = room
        self.encoder = encoder

    def learn_prior(
        self,
        X: Shaped[np.ndarray, "n ..."],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "GradientAdaptation":
        """Chooses strength and last step on the rows that `start` was fitted on, each person predicted without them.

        It stays with the population model unless the best choice gains more than a standard error over people.
        """
        features = self._features(X)
        names = checked(features, y, groups)
        self.prior_participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_)
        self._look(features, y, start)
        data = self._data(X, features, y, start.left_out_)
        parts = [(name, rows[calibration[rows]], rows[test[rows]]) for name, rows in by_person(names)]
        jobs = [
            job(name, given, evenly(asked, self.most_asked), data, self.seed)
            for name, given, asked in parts
            if len(given) and len(asked)
        ]
        strengths, stops = sorted(self.strengths, reverse=True), self._stops()
        grid = [POPULATION, *(Pull(*pair) for pair in product(strengths, stops))]
        found = [
            grid_errors(self.kind, one, data, outputs[:, :, : len(one.asked)], best)
            for one, _, best, outputs in self._train(data, jobs, strengths, self.steps)
        ]
        errors = np.array(found).reshape(len(found), len(grid))
        self.prior_ = choose(errors, grid)
        chosen = errors[:, grid.index(self.prior_)]
        if jobs and self.kind == "number":
            self.se_ = float(np.sqrt(chosen.mean()) * self.spread_)
            self.usual_ = float(np.mean([len(one.given) for one in jobs]))
        return self

    def fit(
        self, X: Shaped[np.ndarray, "n ..."], y: Float[np.ndarray, "n"], groups: Any, *, start: Head
    ) -> "GradientAdaptation":
        """Fits every person in `groups` on their own rows."""
        check_is_fitted(self, "prior_")
        features = self._features(X)
        names = checked(features, y, groups)
        self.participants_ = frozenset(map(str, np.unique(names)))
        self.seen_ = record(start.seen_, groups=groups)
        self.start_ = start
        self.parameters_: dict[str, np.ndarray] = {}
        self.labels_: dict[str, int] = {}
        if self.prior_ != POPULATION and len(names):
            data = self._data(X, features, y, start.predict(features))
            jobs = [job(name, rows, rows[:0], data, self.seed) for name, rows in by_person(names)]
            for one, parameters, best, _ in self._train(data, jobs, [self.prior_.strength], self.prior_.last):
                if best[0] >= 0:
                    self.parameters_[one.person], self.labels_[one.person] = parameters[0], len(one.given)
        return self

    def predict(self, X: Shaped[np.ndarray, "n ..."], groups: Any) -> Prediction:
        """Each person's own prediction; people without labels get the population model's."""
        features = self._features(X)
        population = self.start_.predict(features)
        own = [(name, rows) for name, rows in by_person(participants(groups)) if name in self.parameters_]
        if not own:
            return population
        added = self._added(self._inputs(X, features), self._before(features), own)
        rows = np.concatenate([rows for _, rows in own])
        if self.kind == "class":
            probability = _probability(population).copy()
            probability[rows] = np.exp(log_softmax(self._outputs(population)[rows] + added[rows], axis=1))
            return of_classes(probability)
        value, se = population.value.copy(), population.se.copy()
        value[rows] += self.spread_ * added[rows, 0]
        for name, rows in own:
            se[rows] = self._standard_error(se[rows], self.labels_[name])
        return Prediction(value, se)

    def _standard_error(self, population: Float[np.ndarray, "m"], labels: int) -> Float[np.ndarray, "m"]:
        """That of training people; with fewer labels than they gave, nearer to the population's.

        What a person's departure adds to the variance falls with their labels as it does for a Gaussian prior of the
        strength that was chosen.
        """
        left = [self.prior_.strength / (self.prior_.strength + n) for n in (min(labels, self.usual_), self.usual_)]
        share = (left[0] - left[1]) / (1 - left[1])
        return np.sqrt(share * population**2 + (1 - share) * self.se_**2)

    def _features(self, X: Shaped[np.ndarray, "n ..."]) -> Float[np.ndarray, "n d"]:
        return X if self.encoder is None else self.encoder.features(X)

    def _inputs(
        self, X: Shaped[np.ndarray, "n ..."], features: Float[np.ndarray, "n d"]
    ) -> Shaped[np.ndarray, "n ..."]:
        """What the network is given: clips, or standardised features."""
        if self._end_to_end():
            return X
        return ((features - self.population_.mean) / self.population_.scale).astype(np.float32)

    def _end_to_end(self) -> bool:
        return self.encoder is not None and self.which != "head"  # before a head alone the features stay the same

    def _network(self) -> tuple[Network, Tree]:
        """The network and what it shares among people."""
        if self.encoder is not None and self.which != "head":
            return encoder_network(self.encoder.config, self.which, self.rank), self.encoder.params
        return feature_network(self.which, self.rank), {}

    def _start(self, network: Network) -> Tree:
        features, count = self.population_.kernel.shape
        return network.init(self.seed, (features, count))

    def _stops(self) -> range:
        if self.every < 1 or self.steps < 1 or self.steps % self.every:
            raise UserError(f"adaptation {self.which!r}: {self.steps} steps are not a multiple of every={self.every}")
        return range(self.every, self.steps + 1, self.every)

    def _look(self, features: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], start: Head) -> None:
        """Units of features and labels, and the population's head in them.

        The head is read off its outputs by least squares, which is exact for whatever is linear in the features: a
        regression, or the log odds of a linear classifier.
        """
        self.start_ = start
        spread, scale = float(y.std()), features.std(axis=0)
        self.centre_, self.spread_ = (float(y.mean()), spread or 1.0) if self.kind == "number" else (0.0, 1.0)
        mean, scale = features.mean(axis=0), np.where(scale > 1e-9, scale, 1.0)
        outputs = self._outputs(start.predict(features))
        outputs = outputs - outputs.mean(axis=1, keepdims=True) if self.kind == "class" else outputs
        kernel = np.linalg.lstsq((features - mean) / scale, outputs - outputs.mean(axis=0), rcond=1e-9)[0]
        self.population_ = Population(mean, scale, kernel.astype(np.float32))

    def _outputs(self, prediction: Prediction) -> Float[np.ndarray, "n c"]:
        """Standardised numbers, or logits."""
        if self.kind == "number":
            return ((prediction.value - self.centre_) / self.spread_)[:, None]
        return np.log(np.maximum(_probability(prediction), LEAST_PROBABILITY))

    def _before(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n c"]:
        """What the network puts out at its start."""
        return (features - self.population_.mean) / self.population_.scale @ self.population_.kernel

    def _data(
        self, X: Shaped[np.ndarray, "n ..."], features: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"],
        population: Prediction,
    ) -> Data:  # fmt: skip
        targets = (y - self.centre_) / self.spread_
        return Data(self._inputs(X, features), targets, self._outputs(population), self._before(features))

    def _train(
        self, data: Data, jobs: list[Job], strengths: list[float], last: int
    ) -> Iterator[tuple[Job, np.ndarray, np.ndarray, np.ndarray]]:
        """Every job with its parameters, best checkpoints and outputs for the rows asked, of every strength."""
        network, shared = self._network()
        shape = (self.at_once, len(strengths))
        variants = Variants(
            start=jax.tree.map(lambda leaf: np.stack([leaf] * len(strengths)), self._start(network)),
            strength=np.broadcast_to(np.array(strengths, np.float32), shape),
            last=np.full(shape, last, np.int32),
        )
        plan = Plan(self.kind, self.steps, self.every, self.rate)
        room = Room(self.room[0], min(self.room[1], self.most_asked))
        for batch in in_batches(len(jobs), self.at_once):
            some = [jobs[i] for i in batch]
            rows = arrays(some, jobs, data, self.at_once, room)
            found = train(network, plan, shared, self._population(self.at_once), rows, variants)
            yield from zip(some, *(np.asarray(part) for part in found), strict=False)

    def _added(
        self,
        inputs: Shaped[np.ndarray, "n ..."],
        before: Float[np.ndarray, "n c"],
        own: list[tuple[str, np.ndarray]],
    ) -> Float[np.ndarray, "n c"]:
        """What people's own parameters add to the population's outputs of their rows; 0 for all other rows."""
        out = np.zeros(before.shape)
        pieces = [(name, rows[i : i + PIECE]) for name, rows in own for i in range(0, len(rows), PIECE)]
        network, shared = self._network()
        for batch in in_batches(len(pieces), self.at_once):
            some = [pieces[i] for i in batch]
            people = [self.parameters_[name] for name, _ in some]
            people += people[:1] * (self.at_once - len(people))
            x = stacked([inputs[rows] for _, rows in some], self.at_once, PIECE)
            population = self._population(self.at_once)
            used = np.arange(self.at_once) < len(some)
            found = outputs(network, shared, population, self._start(network), np.stack(people), x, used)
            for (_, rows), now in zip(some, np.asarray(found), strict=False):
                out[rows] = now[: len(rows)] - before[rows]
        return out

    def _population(self, people: int) -> Population:
        return Population(
            *(np.broadcast_to(part.astype(np.float32), (people, *part.shape)) for part in self.population_)
        )


def make_gradient(which: Which, kind: Kind, **options: Any) -> GradientAdaptation:
    """The adaptation of a name (see `GradientAdaptation`); options that it does not know are left."""
    known = set(GradientAdaptation(which, kind).get_params())
    return GradientAdaptation(which, kind, **{key: value for key, value in options.items() if key in known})


def _probability(prediction: Prediction) -> Float[np.ndarray, "n c"]:
    if prediction.probability is None:
        raise UserError("an adaptation for classes needs a population model that gives probabilities")
    return prediction.probability
