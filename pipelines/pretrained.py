"""How a user names a step of a pretraining run: `RUN`, `RUN@STEP`, `RUN@latest`, `RUN@best`, or `RUN@all` of them."""

import json
from pathlib import Path

from pipelines.configuration import read_config
from pretrain.config import PretrainConfig
from pretrain.errors import UserError, nearest
from pretrain.training.start import Source

ALL = "all"
WORDS = ("best", "latest", ALL)
STEPS = "steps"
"""Length of a run in its `environment.json`: the config may say it in epochs."""


def find_pretrained(name: str, hint: str = "") -> Source:
    """The run and step that a name stands for; nothing but its config is read.

    Without a step it is the best where the run keeps its best, else the newest. Raises `UserError` when there is no
    such run folder (`hint` says what else might be meant), for another word after the @, and for `@all`.
    """
    folder, word = _parts(name)
    if word == ALL:
        raise UserError(f"{name} is every checkpoint; this takes one: say a step, `best` or `latest`")
    if not folder.is_dir():
        raise UserError(f"no run folder {folder} (a run is written by `wince pretrain`{hint})")
    config = read_config(folder / "config.json", PretrainConfig)
    step = int(word) if word.isdecimal() else "best" if word == "best" else "latest" if word else None
    return Source(name, config, folder, step)


def run_of_all(name: str) -> str | None:
    """The run of which a name means every checkpoint; None for a name that means one."""
    folder, word = _parts(name)
    return str(folder) if word == ALL else None


def last_step(source: Source) -> int:
    """The step that a run ends with; `UserError` where its folder does not tell."""
    file = source.folder / "environment.json"
    recorded = json.loads(file.read_text()).get(STEPS) if file.is_file() else None
    steps = recorded if recorded is not None else source.config.steps
    if isinstance(steps, int):
        return steps
    raise UserError(f"{source.folder} does not say in steps how long {steps!r} is: wait until it ends, and leave out "
                    "--follow")  # fmt: skip


def _parts(name: str) -> tuple[Path, str]:
    folder, _, word = (name, "", "") if Path(name).is_dir() or "@" not in name else name.rpartition("@")
    if word and word not in WORDS and not word.isdecimal():
        raise UserError(f"{name}: the part after @ must be a step number, {', '.join(f'`{w}`' for w in WORDS[:-1])} "
                        f"or `{ALL}`{nearest(word, WORDS)}")  # fmt: skip
    return Path(folder), word
