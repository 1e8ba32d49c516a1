"""Cascella 2023: 17 action units, one hidden layer of 17, pain or no pain.

    wince study s23_cascella_2023 --out RUN

As reported: frames of everybody dealt 80 : 20 at random. Honestly: other people. Beside the network: logistic
regression on the same units, and the PSPI formula with their weights left as they are.

Hardware: 2 CPU cores.
Time: smoke 26 s with its cohort; default 3 min on a busy machine, most of it training.
Expect: on phantoms and a made-up meter, mean over 20 people: AUROC 0.90 [0.83, 0.94] LEAKY, 0.86 [0.73, 0.94] on
other people; logistic regression 0.95 and 0.94, the PSPI formula 0.93 and 0.93.
400 epochs learn the meter's errors by heart.
"""

from personalize.evaluation.claims import ClaimConfig, ClaimSide
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.training.schedule import Training
from personalize.protocols.config import GroupKFoldConfig, RandomFrameConfig
from personalize.signals.meter import Meter
from personalize.studies.config import Labels, Phantoms, Reported, Size, Slot, Study, System, World
from personalize.studies.inputs import ActionUnits
from personalize.studies.models import Model

TRAINING = Training(epochs=400, batch=64)

config = Study(
    system=System(
        number=23,
        authors="Cascella, Vitale, Mariani, Iuorio, Cutugno",
        year=2023,
        title="binary pain classifier on 17 action units",
        reported=(
            Reported("accuracy", "about 94 %", "paper·abs", "accuracy", 0.94),
            Reported("AUROC", "about 0.98", "paper·abs", "auroc", 0.98),
        ),
        status="partial",
        inferred=(
            "labels: PSPI > 0 of coded frames; the cut is unknown",
            "network: rectifier, sigmoid, cross-entropy, Adam 1e-3, batches of 64",
            "training: 400 epochs [paper·abs: about 400]",
        ),
        data_substitute="the Delaware and UNBC pictures: phantoms with a sore shoulder; OpenFace: coded units read "
        "by a meter that errs by person, recording and frame",
    ),
    worlds={
        "natural": World(Phantoms("shoulder", seed=23), "people with a sore shoulder as they are"),
        "stone-face": World(Phantoms("shoulder", "stone-face", 23), "nobody shows pain; PSPI counts smiles and frowns"),
        "camera-tells": World(Phantoms("shoulder", "camera-tells", 23), "two cameras film pain and its absence"),
    },
    input=ActionUnits(meter=Meter(gain=0.3, person=0.3, recording=0.3, noise=0.5), every=5),
    labels=Labels("pspi_bin"),
    models={
        "logistic regression": Model(NetworkConfig(), TRAINING, loss="bce"),
        "17-17-1 network": Model(NetworkConfig(dense=(17,)), TRAINING, loss="bce"),
    },
    as_reported=(
        Slot(
            RandomFrameConfig(n_splits=5),
            because="frames of one person are on both sides",
            finds=("shared participant",),
        ),
    ),
    honest=(Slot(GroupKFoldConfig(n_splits=10)),),
    metric="auroc",
    claims=(
        ClaimConfig(
            "a network on action units beats the PSPI formula",
            "auroc",
            "higher",
            0.02,
            better=ClaimSide("17-17-1 network"),
            than=ClaimSide("pspi"),
        ),
        ClaimConfig(
            "a hidden layer beats logistic regression",
            "auroc",
            "higher",
            0.02,
            better=ClaimSide("17-17-1 network"),
            than=ClaimSide("logistic regression"),
        ),
    ),
    sizes={
        "smoke": Size(participants=4, recordings=2, seconds=8, seeds=(0,), folds=2, steps=5, worlds=("natural",)),
        "default": Size(participants=20, folds=5, worlds=("natural", "stone-face")),
        "full": Size(participants=25, recordings=8),
    },
)
