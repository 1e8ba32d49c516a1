"""A whole network: stages from a row to a vector, dense layers, outputs; with or without a reference.

With a reference a row holds a target and k references of the same person. Up to one stage, the target and each
reference go through the same network; from there on their difference does, so that f(x, x) is one constant, which
biases make, whatever x is (Rezaei 2021).
"""

from functools import cache
from typing import Annotated, Any, NamedTuple

import jax
from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.heads.networks.convlstm import ConvLSTM
from personalize.heads.networks.films import Frames
from personalize.heads.networks.inception import Inception
from personalize.heads.networks.pictures import Blocks
from personalize.heads.networks.recurrent import Streams
from personalize.heads.networks.stages import Dense, Drop, Mode, Positive, Share, Stages, shape_after
from personalize.heads.networks.table import Table
from pretrain.errors import UserError, nearest

TrunkConfig = Annotated[Table | Blocks | Inception | Frames | ConvLSTM | Streams, Field(discriminator="kind")]
INPUT, FEATURES = "input", "features"
"""Where else a difference can be taken than after a stage: of the rows themselves, and of the last vectors."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class NetworkConfig:
    """What a network is made of."""

    trunk: TrunkConfig = Table()
    dense: tuple[Positive, ...] = ()
    """Widths of dense layers between the trunk's vector and the outputs."""
    dropout: Share = 0.0
    """Of the trunk's vector."""
    difference: str | None = None
    """The stage after which the reference is taken away from the target, "input" or "features"; None: no reference."""


REZAEI = NetworkConfig(
    Blocks(
        channels=(64, 128, 128), convolutions=(1, 1, 1), kernel=5, stride=2, padding="VALID", norm="batch",
        vector="cells",
    ),
    dense=(200,),
    difference="block_1",
)  # fmt: skip
"""The network of Rezaei 2021 for grey pictures of 160 x 160."""


class Answer(NamedTuple):
    """What a network says; a film without a memory answers per frame, a target with references per reference."""

    values: Float[Array, "b votes outputs"]
    features: Float[Array, "b votes d"]
    """What the outputs are linear in."""


class Network(nnx.Module):
    """A network for rows of one shape; with references, rows of target and references [1 + k, *shape]."""

    def __init__(self, config: NetworkConfig, shape: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs) -> None:
        stages = config.trunk.stages(shape, rngs)
        width = shape_after(Stages(stages), shape)[-1]
        if config.dropout:
            stages["dropout"] = Drop(config.dropout)
        for i, out in enumerate(config.dense):
            stages[f"dense_{i + 1}"] = Dense(width, out, rngs=rngs)
            width = out
        self.stages = Stages(stages)
        self.outputs = nnx.Linear(width, outputs, rngs=rngs)
        self.after = None if config.difference is None else _position(config.difference, self.stages.order)

    def __call__(self, x: Float[Array, "b *n"], mode: Mode) -> Answer:
        """The answer for every row."""
        b = len(x)
        if self.after is None:
            features = self.stages(x, mode)
        else:
            target = self.stages(x[:, 0], mode, last=self.after)
            references = x[:, 1:].reshape(-1, *x.shape[2:])
            reference = self.stages(references, mode, last=self.after).reshape(b, -1, *target.shape[1:])
            difference = target[:, None] - reference
            features = self.stages(difference.reshape(-1, *target.shape[1:]), mode, first=self.after)
        features = features.reshape(b, -1, features.shape[-1])
        return Answer(self.outputs(features), features)


def _position(name: str, order: tuple[str, ...]) -> int:
    """How many stages come before the difference."""
    if name == INPUT:
        return 0
    if name == FEATURES:
        return len(order)
    if name not in order:
        raise UserError(f"network.difference: no stage is called {name!r}{nearest(name, [*order, INPUT, FEATURES])}")
    return order.index(name) + 1


class Described(NamedTuple):
    """A network for rows of one shape; equal ones are compiled once."""

    config: NetworkConfig
    shape: tuple[int, ...]
    """Of a row; with references, of the target alone."""
    outputs: int

    def make(self, rngs: nnx.Rngs) -> Network:
        """A new one."""
        return Network(self.config, self.shape, self.outputs, rngs=rngs)


class Model(NamedTuple):
    """The numbers of a network, as nested dicts of arrays."""

    parameters: Any
    statistics: Any
    """Running means and variances."""


@cache
def _graph(network: Described) -> Any:
    return nnx.split(nnx.eval_shape(lambda: network.make(nnx.Rngs(0))), nnx.Param, nnx.BatchStat)[0]


def initial(network: Described, key: Array) -> Model:
    """Fresh numbers from a random key."""
    _, parameters, statistics = nnx.split(network.make(nnx.Rngs(key)), nnx.Param, nnx.BatchStat)
    return Model(nnx.to_pure_dict(parameters), nnx.to_pure_dict(statistics))


def shapes(network: Described) -> Model:
    """The shapes of the numbers, without any of them."""
    return jax.eval_shape(lambda: initial(network, jax.random.key(0)))


def run(network: Described, model: Model, x: Float[Array, "b *n"], key: Array | None = None) -> tuple[Answer, Any]:
    """The answer and the running statistics after it; training with a key, without one as it is."""
    made = nnx.merge(_graph(network), model.parameters, model.statistics)
    answer = made(x, Mode() if key is None else Mode(train=True, rngs=nnx.Rngs(dropout=key)))
    return answer, nnx.to_pure_dict(nnx.state(made, nnx.BatchStat))
