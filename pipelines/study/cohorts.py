"""Where a study's cohorts come from: phantoms that are made once and kept, or a cohort that is at hand."""

import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from personalize.cohorts.layout import read_cohort
from personalize.studies.config import Phantoms, Size
from personalize.studies.data import Source
from personalize.studies.inputs import ActionUnits, Embedded, Emg, InputConfig, Pictures
from pipelines.embedding import Encoder, run_embedding
from pipelines.personalization.inputs import ratings_checksum
from pipelines.phantoms import write_phantoms
from pipelines.prepare import prepare
from pipelines.pretrained import find_pretrained
from pretrain.errors import RunFailure, UserError
from pretrain.footage.manifest import read_manifest

LEAST_CROP = 64
WARPED_CROP = 160
"""Side of the crops, pixels: at least, and where they are warped."""
UNSEEN, COARSE = 32, 96
"""Side of films, pixels: that nobody looks at, the least that can be drawn; and of a smoke test, in which faces are
still found."""
SELDOM = 2
"""Pictures a second of a smoke test, where they do not have to follow each other."""


class Given(NamedTuple):
    """What a user brings."""

    cohort: Path | None = None
    """Instead of the study's phantoms."""
    clips: Path | None = None
    """Of that cohort; None: made from its videos."""
    encoder: str | None = None
    """A pretraining run whose features take the place of pictures."""


def source_of(
    phantoms: Phantoms, size: Size, config: InputConfig, folder: Path, given: Given, *, smoke: bool
) -> Source:
    """The cohort with the clips or features that the input needs; what is missing in `folder` is made there.

    For `smoke`, phantoms are filmed coarsely.
    Raises `RunFailure` where footage could not be prepared.
    """
    if given.cohort is not None:
        cohort, home = given.cohort, folder / "given"
    else:
        filmed = filming(config, smoke=smoke)
        home = folder / folder_name(phantoms, size, filmed)
        cohort = home / "cohort"
        if not cohort.exists():
            write_phantoms(phantoms.scenario, cohort, participants=size.participants, recordings=size.recordings,
                           seconds=None if size.seconds is None else float(size.seconds), seed=phantoms.seed,
                           world=phantoms.world, pixels=filmed.pixels, fps=filmed.fps)  # fmt: skip
    data = read_cohort(cohort)
    if isinstance(config, ActionUnits | Emg):
        return Source(data, None, phantoms.seed)
    crop = crop_size(config)
    clips = given.clips or home / f"clips_{crop}"
    if not clips.exists():
        footage = Path(str(cohort).partition(":")[2]) if ":" in str(cohort) else cohort
        if prepare([footage], clips, size=crop):
            raise RunFailure(f"some videos of {footage} could not be read: see {clips / 'manifest.csv'}")
    if given.encoder is None:
        return Source(data, clips, phantoms.seed)
    features = home / f"features_{identity_of(given.encoder)['fingerprint']:08x}.parquet"
    if not features.exists():
        run_embedding(given.encoder, clips=clips, out=features)
    return Source(data, features, phantoms.seed)


@cache
def identity_of(run: str) -> dict[str, int]:
    """The step and fingerprint of the encoder of a pretraining run, by which its features are known again."""
    source = find_pretrained(run)
    return Encoder(source.config).read(source)[1]


class Filming(NamedTuple):
    """How phantoms are filmed; None: as the scenario has it."""

    pixels: int | None = None
    fps: int | None = None


def filming(config: InputConfig, *, smoke: bool) -> Filming:
    """How phantoms are filmed for an input: no finer than anybody looks."""
    if isinstance(config, ActionUnits | Emg):
        return Filming(UNSEEN)
    if not smoke:
        return Filming()
    if isinstance(config, Embedded):
        return Filming(COARSE)
    return Filming(COARSE, SELDOM if isinstance(config, Pictures) else math.ceil(config.rate))


def folder_name(phantoms: Phantoms, size: Size, filmed: Filming) -> str:
    """Of a cohort of phantoms: everything that it hangs on."""
    parts = [phantoms.scenario, phantoms.world or "natural", f"seed{phantoms.seed}", f"{size.participants}people"]
    more = {"recordings": size.recordings, "seconds": size.seconds, **filmed._asdict()}
    return "_".join([*parts, *(f"{value:g}{name}" for name, value in more.items() if value is not None)])


def crop_size(config: InputConfig) -> int:
    """Side of the crops that an input is cut from."""
    if isinstance(config, Embedded):
        return LEAST_CROP
    if isinstance(config, Pictures) and config.warp:
        return WARPED_CROP
    return max(LEAST_CROP, getattr(config, "pixels", LEAST_CROP))


def record_of(given: Given) -> dict[str, Any]:
    """By what a run knows its inputs again, without any path."""
    if given.clips is not None and given.cohort is None:
        raise UserError("--clips are those of a --cohort: name it")
    record: dict[str, Any] = {"encoder": None}
    if given.encoder is not None:
        record["encoder"] = {"name": Path(given.encoder).name, **identity_of(given.encoder)}
    if given.cohort is None:
        return record
    data = read_cohort(given.cohort)
    record |= {"cohort": data.name, "ratings": ratings_checksum(data)}
    if given.clips is not None:
        record["clips"] = sorted(row.sha256 for row in read_manifest(given.clips))
    return record
