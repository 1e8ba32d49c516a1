"""What a `wince personalize` run is made of."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.adaptation.names import parts, takes_labels
from pretrain.errors import UserError


def _known(name: str) -> str:
    parts(name)
    return name


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class AdaptationConfig:
    """One row of the comparison: how to adapt, with how many labels of the person."""

    name: Annotated[str, AfterValidator(_known)]
    k: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if self.k and not takes_labels(self.name):
            raise UserError(f"adaptation {self.name!r} uses no labels: its k must be 0, not {self.k}")


DEFAULT_ADAPTATIONS = (
    AdaptationConfig("none"),
    AdaptationConfig("reference"),
    AdaptationConfig("ridge", k=5),
    AdaptationConfig("reference+ridge", k=5),
    AdaptationConfig("participant_prior", k=5),
)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PersonalizeConfig:
    """Leave one participant out, adapt to them from k labels, test on their later units."""

    target: str | None = "vas"
    """Rating scale to predict; None means the cohort's only one."""
    threshold: float | None = 4.0
    """Ratings from here on count as pain for AUROC and F1; None leaves those undefined."""
    adaptations: Annotated[tuple[AdaptationConfig, ...], Field(min_length=1)] = DEFAULT_ADAPTATIONS
    reference_seconds: Annotated[float, Field(gt=0)] = 2.0
    """Length of the neutral reference at the start of a recording (rows, in a table without time)."""
    components: Annotated[int, Field(ge=0)] = 8
    """Directions beside offset and gain in which a person may differ."""
    pool_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of a single recording's time from which calibration labels come."""
    purge_seconds: Annotated[float, Field(ge=0)] = 2.0
    """Gap between pool and test within a single recording (rows, in a table without time)."""
    draws: Annotated[int, Field(ge=2000)] = 2000
    """Bootstrap resamples of participants."""
    seed: Annotated[int, Field(ge=0)] = 0
