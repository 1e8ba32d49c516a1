"""How a user names a step of a pretraining run: `RUN`, `RUN@STEP` or `RUN@best`."""

from pathlib import Path

from pipelines.configuration import read_config
from pretrain.config import PretrainConfig
from pretrain.errors import UserError, nearest
from pretrain.training.start import Source


def find_pretrained(name: str, hint: str = "") -> Source:
    """The run and step that a name stands for; nothing but its config is read.

    Raises `UserError` when there is no such run folder (`hint` says what else might be meant), or for another word
    after the @.
    """
    folder, _, step = (name, "", "") if Path(name).is_dir() or "@" not in name else name.rpartition("@")
    if not Path(folder).is_dir():
        raise UserError(f"no run folder {folder} (a run is written by `wince pretrain`{hint})")
    if step and step != "best" and not step.isdecimal():
        raise UserError(f"{name}: the part after @ must be a step number or `best`{nearest(step, ['best'])}")
    config = read_config(Path(folder) / "config.json", PretrainConfig)
    return Source(name, config, Path(folder), "best" if step == "best" else int(step) if step else None)
