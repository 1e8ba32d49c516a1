"""Guo 2021: a model of one's own in iced water; where time enters a network, and whose clips it learns from.

    wince study s29_guo_2021 --out RUN

Three networks (a frame at a time, frames then an LSTM, a convolutional LSTM) by five regimes: a model of the person's
own clips; of everybody's; of other people's; that one tuned on few clips of the person; that one on differences to the
person's own beginning. As reported: windows of a recording dealt at random. Honestly: the later recordings; the
second half of every class in every recording beside it (it came first until it had called the claim supported where it
is false).

Hardware: 2 CPU cores.
Time: smoke 60 s, and 45 s for its cohort; default 27 min on one core, and 5 min for its two cohorts.
Expect: macro-F1, 12 phantoms, a model of one's own: 0.64 [0.54, 0.72] with windows at random, 0.64 [0.52, 0.76] on
later parts of the same immersion, 0.37 [0.25, 0.51] on a later immersion (the gap on the same people is 0.23 [0.13,
0.32]); of other people 0.25 and 0.28, tuned on five labels a class 0.60 and 0.34, time alone 0.39 and 0.63. The claim
is *supported* within an immersion, +0.40 [0.28, 0.52], but so it is where all faces show pain alike, +0.15 [0.09,
0.22]: a network knows a stretch of film again. On a later immersion it is *inconclusive* in both, +0.09 [-0.07, 0.24]
and 0.00 [-0.13, 0.14]. With the features of `pretrain/compact` (`--encoder`, 30 other people, 5 min) on a later
immersion: 0.42 [0.25, 0.62] of one's own, 0.38 [0.24, 0.54] of other people, the same verdicts.
"""

from dataclasses import replace

from personalize.config import FirstSeconds
from personalize.evaluation.claims import ClaimConfig, ClaimSide
from personalize.heads.networks.convlstm import ConvLSTM
from personalize.heads.networks.films import Frames
from personalize.heads.networks.inception import Inception
from personalize.heads.networks.network import NetworkConfig
from personalize.heads.networks.pictures import Blocks
from personalize.heads.training.schedule import Optimizer, Training
from personalize.protocols.config import BlockedConfig, RandomWindowConfig, SessionConfig
from personalize.studies.config import Labels, Phantoms, Reported, Size, Slot, Study, System, World
from personalize.studies.inputs import Films
from personalize.studies.models import Model, Reference

NETWORKS = {
    "ConvLSTM": NetworkConfig(ConvLSTM(channels=(8, 16), stride=4, vector="cells"), dense=(64,), dropout=0.2),
    "VGG-LSTM": NetworkConfig(
        Frames(pictures=Blocks(channels=(8, 16, 32), convolutions=(2, 2, 2)), memory=64), dense=(64,), dropout=0.5
    ),
    "Inception": NetworkConfig(Frames(pictures=Inception(stem=8, channels=(16, 32, 48))), dropout=0.5),
}
TRAINING = Training(Optimizer(rate=3e-3), epochs=None, steps=400, batch=8)
TUNING = Training(Optimizer(rate=3e-3), epochs=None, steps=40, batch=8)
K = 5


def regimes(name: str, network: NetworkConfig) -> dict[str, Model]:
    """The regimes of one network, and two controls: fewer clips, and no face."""
    general = Model(network, TRAINING, loss="ce", balanced=True)
    return {
        f"{name} general_loso": general,
        f"{name} personal": replace(general, learns_from="own"),
        f"{name} general_mixed": replace(general, learns_from="everybody"),
        f"{name} general_loso+k": replace(general, tuned=K, tuning=TUNING),
        f"{name} general_loso+baseline": replace(
            general, network=replace(network, difference="input"), reference=Reference(train=1, test=1)
        ),
        f"{name} general_loso, as few clips": replace(general, like_one=True),
        f"{name} personal, background": replace(general, learns_from="own", background=True),
    }


MODELS = {key: model for name, network in NETWORKS.items() for key, model in regimes(name, network).items()}
MIXED = tuple(name for name in MODELS if "loso" not in name)
HONEST = tuple(name for name in MODELS if "mixed" not in name)
PEOPLE = {"people": "group_kfold", "n_splits": 10}

config = Study(
    system=System(
        number=29,
        authors="Guo, Wang, Xiao, Lin",
        year=2021,
        title="personalised spatial-temporal model of cold pain",
        reported=(Reported("mean F1, ConvLSTM, personalised", "79.48 %", "recall+", "f1_macro", 0.7948),),
        status="underspecified",
        inferred=(
            "classes: reports 0, 1 to 6, 7 to 10; the cuts are unknown",
            "networks: sizes, clips and resolution; published are only their kinds [seed]",
            "protocol: windows of a recording at random; the split within people is unknown",
            "training: Adam 3e-3, batches of 8, classes weighted; unknown",
        ),
        data_substitute="29 people in iced water: phantoms of the same protocol, each with a face of their own",
    ),
    worlds={
        "natural": World(Phantoms("cold_pressor", seed=29), "each face shows pain in its own way", (True, None, None)),
        "alike": World(Phantoms("cold_pressor", "alike", 29), "all faces show pain alike", (False, None, None)),
        "clock": World(Phantoms("cold_pressor", "clock", 29), "reports follow the clock, the face does not"),
    },
    input=Films(pixels=64, frames=8, rate=4, stride=8),
    labels=Labels("self_report3"),
    models=MODELS,
    as_reported=(
        Slot(
            RandomWindowConfig(seconds=2, n_splits=2),
            because="windows of one recording are on both sides",
            finds=("shared participant",),
            models=MIXED,
        ),
    ),
    honest=(
        Slot(SessionConfig(**PEOPLE), neutral=FirstSeconds(seconds=4), models=HONEST),
        Slot(BlockedConfig(per_class=True, **PEOPLE), neutral=FirstSeconds(seconds=4), models=HONEST),
    ),
    metric="f1_macro",
    claims=(
        ClaimConfig(
            "a model of one's own beats one of other people",
            "f1_macro",
            "higher",
            0.05,
            better=ClaimSide("ConvLSTM personal"),
            than=ClaimSide("ConvLSTM general_loso"),
        ),
        ClaimConfig(
            "a sequence beats a frame",
            "f1_macro",
            "higher",
            0.05,
            better=ClaimSide("ConvLSTM personal"),
            than=ClaimSide("Inception personal"),
        ),
        ClaimConfig(
            "keeping the map in the recurrence beats frames then an LSTM",
            "f1_macro",
            "higher",
            0.05,
            better=ClaimSide("ConvLSTM personal"),
            than=ClaimSide("VGG-LSTM personal"),
        ),
    ),
    sizes={
        "smoke": Size(
            participants=3,
            recordings=2,
            seconds=10,
            seeds=(0,),
            pixels=16,
            folds=2,
            steps=1,
            worlds=("natural",),
            models=(*regimes("ConvLSTM", NETWORKS["ConvLSTM"]), "Inception personal", "VGG-LSTM personal"),
            permuted=False,
        ),
        "default": Size(
            participants=12,
            pixels=48,
            folds=4,
            steps=120,
            worlds=("natural", "alike"),
            permuted=False,
            models=(
                "ConvLSTM general_loso",
                "ConvLSTM personal",
                "ConvLSTM general_loso+k",
                "ConvLSTM general_loso+baseline",
            ),
        ),
        "full": Size(participants=29, recordings=3, seconds=180, pixels=96),
    },
)
