"""Rows of a table, or of anything else, as they are: what a multilayer perceptron begins with."""

from typing import Any, Literal

from flax import nnx
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from personalize.heads.networks.stages import Vector


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Table:
    """All numbers of a row as one vector."""

    kind: Literal["table"] = "table"

    def stages(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> dict[str, Any]:
        """For rows of any shape."""
        return {"vector": Vector(pool=False, mean=False)}
