"""A small study on made-up features, and its data, without any phantom."""

import numpy as np

from personalize.cohorts.kinds import NUMBER
from personalize.cohorts.schemes import SCHEMES
from personalize.config import FirstSeconds
from personalize.evaluation.claims import ClaimConfig, ClaimSide
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.training.schedule import Optimizer, Training
from personalize.protocols.config import BlockedConfig, GroupKFoldConfig, RandomFrameConfig
from personalize.protocols.units import read_units
from personalize.studies.config import Labels, Phantoms, Reported, Size, Slot, Study, System, World
from personalize.studies.data import Data
from personalize.studies.inputs import ActionUnits
from personalize.studies.models import Model

QUICK = Training(Optimizer(rate=0.03), epochs=None, steps=60, batch=16)
SYSTEM = System(1, "Somebody", 2020, "a system", (Reported("accuracy", "95 %", "paper", "accuracy", 0.95),), "partial")
LINEAR = Model(NetworkConfig(), QUICK, loss="bce")
BLOCKED = Slot(BlockedConfig(people="group_kfold", n_splits=2), neutral=FirstSeconds(seconds=2))


def made_data(people=6, recordings=2, rows=20, width=4, classes=True, own=0.0, seed=0):
    """Labels that the first feature follows; `own` is how far people lie apart in it."""
    rng = np.random.default_rng(seed)
    names = [f"sub-{p:02d}" for p in range(people)]
    participant = np.repeat(names, recordings * rows)
    recording = np.array([f"{n}_{r}" for n in names for r in range(recordings) for _ in range(rows)])
    t0 = np.tile(np.arange(rows, dtype=float), people * recordings)
    target = rng.permuted(np.tile(np.arange(rows) % 2, (people * recordings, 1)), axis=1).ravel().astype(float)
    x = rng.normal(size=(len(target), width))
    x[:, 0] += 2 * target + own * np.repeat(rng.normal(size=people), recordings * rows)
    sequence = np.tile(np.repeat(np.arange(recordings), rows), people)
    table = {"participant": participant, "recording": recording, "sequence": sequence, "t0": t0, "t1": t0 + 1}
    units = read_units(table)
    units.ids()
    kind = SCHEMES["pspi_bin"].kind() if classes else NUMBER
    return Data(
        pool=x, places=np.arange(len(x))[:, None], rows=units, valid=np.arange(len(x)), units=units,
        y=target[:, None], target=target, heads=("",), kind=kind, columns=tuple(f"f{i}" for i in range(width)),
        counts={}, cohort="made up", train_cohort="made up",
    )  # fmt: skip


def made_study(models=None, as_reported=None, honest=None, **more):
    """A study of these models."""
    models = models or {"linear": LINEAR}
    first = next(iter(models))
    claim = ClaimConfig("it reads something", "auroc", "higher", 0.02, ClaimSide(first), ClaimSide("majority"))
    size = Size(participants=4, seeds=(0,))
    return Study(**{
        "system": SYSTEM,
        "worlds": {"natural": World(Phantoms("shoulder"), "as it is")},
        "input": ActionUnits(),
        "labels": Labels("pspi_bin"),
        "models": models,
        "as_reported": (as_reported or Slot(RandomFrameConfig(n_splits=2), "frames", ("shared participant",)),),
        "honest": (honest or Slot(GroupKFoldConfig(n_splits=2)),),
        "metric": "auroc",
        "claims": (claim,),
        "sizes": {"smoke": size, "default": size, "full": size},
    } | more)  # fmt: skip
