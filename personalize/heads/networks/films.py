"""Films to vectors by way of their frames: one network sees every frame, then a memory reads them, or they vote."""

from typing import Annotated, Any, Literal

from flax import nnx
from jaxtyping import Array, Float
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.heads.networks.inception import Inception
from personalize.heads.networks.pictures import Blocks
from personalize.heads.networks.recurrent import Memory
from personalize.heads.networks.stages import Mode, Positive, Stages, shape_after


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Frames:
    """Every frame by itself. Without a memory each frame gives an answer, and their mean is that of the film."""

    kind: Literal["frames"] = "frames"
    pictures: Annotated[Blocks | Inception, Field(discriminator="kind")] = Blocks()
    memory: Positive | None = None
    """Width of an LSTM over the frames."""

    def stages(self, shape: tuple[int, ...], rngs: nnx.Rngs) -> dict[str, Any]:
        """For films [t h w] or [t h w c]: `frames`, and `memory`."""
        frames = EachFrame(Stages(self.pictures.stages(shape[1:], rngs)))
        if self.memory is None:
            return {"frames": frames}
        width = shape_after(frames.pictures, shape[1:])[-1]
        return {"frames": frames, "memory": Memory(width, self.memory, both=False, rngs=rngs)}


class EachFrame(nnx.Module):
    """One network for all frames."""

    def __init__(self, pictures: Stages) -> None:
        self.pictures = pictures

    def __call__(self, x: Float[Array, "b t *n"], mode: Mode) -> Float[Array, "b t d"]:
        """The vector of every frame."""
        b, t = x.shape[:2]
        return self.pictures(x.reshape(b * t, *x.shape[2:]), mode).reshape(b, t, -1)
