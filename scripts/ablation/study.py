"""Features and scores of every row of the table, each trained once per seed and kept in the work folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pipelines.configuration import to_json
from pretrain.config import PretrainConfig
from pretrain.errors import UserError, nearest

from .bare import BARE
from .data import SEEDS, Clips, Footage, Size, code_digest, cut, digest, gather
from .recipes import ENCODERS, SHAPE, make_recipes
from .scores import Columns, score
from .training import encode, load_params, pretrained, save_params, supervised, untrained

TRAINED_BY = (
    *("pretrain/objectives", "pretrain/encoders", "pretrain/clips/augment.py", "pretrain/clips/loader.py"),
    *("pretrain/training/losses.py", "pretrain/training/networks.py", "pretrain/training/step.py"),
    *("pretrain/training/optimizer.py", "scripts/ablation/training.py"),
)
"""Code that decides what a config becomes."""
UNTRAINED, SUPERVISED = "untrained", "supervised"
TABLE = (
    *(UNTRAINED, *BARE, "contrastive", "same-track", "same-track unweighted", "pairwise", "pairwise (vit)"),
    *("contrastive + pairwise", "same-track + pairwise", "masked (vit)", "masked + pairwise (vit)", SUPERVISED),
)
"""The rows that every table has."""


class Study(NamedTuple):
    """What all rows share."""

    work: Path
    size: Size
    encoder: str
    """A key of `ENCODERS`."""
    steps: int
    workers: int
    """Processes that film."""

    def recipes(self) -> dict[str, PretrainConfig]:
        """All recipes that train without labels."""
        return make_recipes(ENCODERS[self.encoder], self.steps)

    def config(self, row: str, seed: int) -> PretrainConfig | None:
        """The config of a row; None for rows without an encoder. Raises `UserError` for an unknown row."""
        recipes = self.recipes()
        if row in BARE:
            return None
        if row not in (*recipes, UNTRAINED, SUPERVISED):
            raise UserError(f"no recipe {row!r}{nearest(row, [*recipes, *TABLE])}")
        return replace(recipes.get(row, recipes["pairwise"]), seed=seed)


class People(NamedTuple):
    """A set and its clips."""

    footage: Footage
    clips: Clips


def people(study: Study, kind: str, seed: int | None = None) -> People:
    """A set of people, filmed if need be."""
    footage = gather(study.work, study.size, kind, SEEDS[kind] if seed is None else seed, study.workers)
    found = ", ".join(f"{name} {share:.1%}" for name, share in sorted(footage.found.items()))
    clips = cut(footage, SHAPE)
    print(f"{kind}: {len(footage.frames)} crops ({found} of all frames), {len(clips.rows)} clips", flush=True)
    return People(footage, clips)


def score_rows(
    study: Study, rows: Sequence[str], seeds: Sequence[int], learnt: People, others: People
) -> dict[str, list[Columns]]:
    """The columns of every row for each seed (one for rows without an encoder), on people nothing was learnt from."""
    for row in rows:
        study.config(row, 0)  # unknown names are refused before any work
    out: dict[str, list[Columns]] = {}
    for row in rows:
        for seed in seeds[:1] if row in BARE else seeds:
            x = features(study, row, seed, learnt, others)
            out.setdefault(row, []).append(score(x, others.clips))
            line = {name.split("/")[1]: values[0] for name, values in out[row][-1].items() if name in _SHOWN}
            print(f"{row}, seed {seed}: PSPI " + ", ".join(f"{k} {v:.3f}" for k, v in line.items()), flush=True)
    return out


_SHOWN = ("ordinary/raw/pspi/pcc", "ordinary/neutral/pspi/pcc")


def features(study: Study, row: str, seed: int, learnt: People, others: People) -> Float[np.ndarray, "n d"]:
    """Features of others' clips by a row's encoder, which is trained unless that was done before."""
    config = study.config(row, seed)
    if config is None:
        return np.asarray(BARE[row](*learnt, *others))
    folder = study.work / "runs" / run_digest(row, config, learnt.footage)
    file = folder / f"features-{others.footage.name}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        params = _params(row, config, learnt.footage, folder / "params.npz")
        scratch = file.with_suffix(".tmp.npz")
        np.savez(scratch, x=encode(config, params, others.footage.frames, others.clips.rows))
        scratch.replace(file)
    with np.load(file) as kept:
        return kept["x"]


def run_digest(row: str, config: PretrainConfig, learnt: Footage) -> str:
    """Names a training run by all that decides its result."""
    special = row if row in (UNTRAINED, SUPERVISED) else ""
    return digest([special, to_json(config), learnt.name, code_digest(*TRAINED_BY)])


def _params(row: str, config: PretrainConfig, footage: Footage, file: Path) -> object:
    if file.exists():
        return load_params(config, file)

    def say(line: str) -> None:
        print(f"  {row}, seed {config.seed}: {line}", flush=True)

    if row == UNTRAINED:
        return untrained(config)
    train = supervised if row == SUPERVISED else pretrained
    params = train(config, footage, say)
    save_params(params, file)
    return params
