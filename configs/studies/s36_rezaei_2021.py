"""Rezaei 2021: a frame is compared with a neutral one of the same person, after one shared layer. The flagship.

    wince study s36_rezaei_2021 --out RUN
    wince study s36_rezaei_2021 --cohort unbc:/data/UNBC --out RUN

Faces are warped to the mean shape; outputs for each group of people and for action units share one network. As
reported a person's reference is a frame that was labelled 0, which reads labels of the test (ORACLE). Honestly it lies
in the first second of the recording. Split by position: the last five people are tested.

Hardware: 2 CPU cores.
Time: smoke 43 s, and 27 s for its cohort; default 27 min (18 trainings), and 8 min for its two cohorts.
Expect: on phantoms of dementia, 5 people tested: MAE 0.93 [0.70, 1.24] for a single frame, 0.82 [0.53, 1.25] pairwise,
0.85 with the reference that reads labels (ORACLE); difference 0.11 [-0.10, 0.33], *inconclusive*. Where all faces are
alike at rest: 0.50 [0.37, 0.66] and 0.50 [0.34, 0.75], -0.01 [-0.08, 0.06], *not supported*, which is right. With the
features of `pretrain/compact` (`--encoder`, 30 other people, 5 min): 1.08 and 0.82, 0.26 [0.00, 0.52], *inconclusive*;
alike 0.61 and 0.61.
"""

from dataclasses import replace

from personalize.config import FirstSeconds, LabelZero
from personalize.evaluation.claims import ClaimConfig, ClaimSide
from personalize.heads.networks.network import REZAEI
from personalize.heads.training.pairs import PairTerm
from personalize.heads.training.schedule import Training
from personalize.protocols.config import FixedSplitConfig, GroupKFoldConfig
from personalize.studies.config import Labels, Phantoms, Reported, Size, Slot, Study, System, World
from personalize.studies.inputs import Pictures
from personalize.studies.models import Model, Reference

PAIRWISE = Model(REZAEI, Training(epochs=10, batch=32), least=0, reference=Reference(train=1, test=3))
FUSED = {"input": "pixels", "block_2": "the second layer", "block_3": "the third", "features": "the last vector"}

config = Study(
    system=System(
        number=36,
        authors="Rezaei, Moturu, Zhao, Prkachin, Hadjistavropoulos, Taati",
        year=2021,
        title="pairwise with contrastive training, for people with dementia",
        reported=(Reported("PSPI on UNBC and a dementia cohort", "not read", "unknown"),),
        status="partial",
        inferred=(
            "loss: squared error of PSPI and of six action units; not readable",
            "outputs: PSPI for each group, then action units [code: the last three are PSPI]",
            "contrastive term: off; named variants as models of the full size",
            "optimizer, batch, epochs: not recoverable",
        ),
        data_substitute="the dementia cohort: phantoms of older people with and without dementia",
    ),
    worlds={
        "natural": World(Phantoms("dementia", seed=36), "faces differ at rest: age, tone, lines", (True, None)),
        "alike": World(Phantoms("dementia", "alike", 36), "all faces are alike at rest", (False, None)),
        "shoulder": World(Phantoms("shoulder", seed=36), "younger people with a sore shoulder", (True, None)),
        "shoulder to dementia": World(
            Phantoms("dementia", seed=36),
            "learnt from shoulders, tested on dementia",
            train_cohort=Phantoms("shoulder", seed=36),
        ),
    },
    input=Pictures(pixels=160, rate=4, warp=True),
    labels=Labels("pspi", heads="group", auxiliary=("AU04", "AU06", "AU07", "AU09", "AU10", "AU43"), threshold=1),
    models={
        "single frame": replace(PAIRWISE, network=replace(REZAEI, difference=None), reference=None),
        "pairwise": PAIRWISE,
        "pairwise, one reference": replace(PAIRWISE, reference=Reference(1, 1)),
        "pairwise, five references": replace(PAIRWISE, reference=Reference(1, 5)),
        "pairwise, signed pairs": replace(PAIRWISE, pairs=(PairTerm("antisymmetric"),)),
        "pairwise, margin": replace(PAIRWISE, pairs=(PairTerm("hinge", scaled=True),)),
        "pairwise, features": replace(PAIRWISE, pairs=(PairTerm("hadsell", weight=0.1),)),
        "pairwise, rank-n-contrast": replace(PAIRWISE, pairs=(PairTerm("rank_n_contrast", weight=0.1),)),
        **{
            f"pairwise after {what}": replace(PAIRWISE, network=replace(REZAEI, difference=stage))
            for stage, what in FUSED.items()
        },
    },
    as_reported=(Slot(FixedSplitConfig(test=5), neutral=LabelZero(oracle=True)),),
    honest=(
        Slot(FixedSplitConfig(test=5), neutral=FirstSeconds(seconds=1)),
        Slot(GroupKFoldConfig(n_splits=5), neutral=FirstSeconds(seconds=1)),
    ),
    metric="mae",
    claims=(
        ClaimConfig(
            "a same-person reference beats a single frame",
            "mae",
            "lower",
            0.1,
            better=ClaimSide("pairwise"),
            than=ClaimSide("single frame"),
        ),
        ClaimConfig(
            "signed pairs help on another cohort",
            "mae",
            "lower",
            0.1,
            better=ClaimSide("pairwise, signed pairs"),
            than=ClaimSide("pairwise"),
        ),
    ),
    sizes={
        "smoke": Size(
            participants=7,
            recordings=1,
            seconds=4,
            seeds=(0,),
            pixels=80,
            folds=2,
            steps=1,
            worlds=("natural",),
            models=("single frame", "pairwise"),
            permuted=False,
        ),
        "default": Size(
            participants=20,
            pixels=80,
            steps=150,
            worlds=("natural", "alike"),
            honest=(0,),
            models=("single frame", "pairwise"),
            permuted=False,
        ),
        "full": Size(participants=25),
    },
)
