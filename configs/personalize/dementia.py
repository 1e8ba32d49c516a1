"""Coded pain of people with dementia, with a claim that is stated before anybody is tested.

    wince personalize configs/personalize/dementia.py --cohort COHORT --features features.parquet --out RUN

The label is an observer's: these people cannot say that they hurt. The claim: a neutral reference and five labels of
the person lower the error by at least 0.15 of 16. How often such a verdict is wrong: `scripts/calibrate_claims.md`.

Hardware: 2 CPU cores.
Time: about 30 s for 30 people x 2 recordings.
Expect: with 25 people whose faces differ a true difference of twice as much is called *supported* in 93 % of cohorts.
Seen on 40 rendered phantoms (seed 8820, `--group dementia`, an encoder of `pretrain/compact`): +0.147 [-0.002, +0.296],
*inconclusive*: an estimate next to the smallest difference of interest.
"""

from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.claims import ClaimConfig, ClaimSide

PERSONAL = "reference+ridge"

config = PersonalizeConfig(
    target="pspi",
    threshold=2.0,
    adaptations=(AdaptationConfig("none"), AdaptationConfig(PERSONAL, k=5)),
    claims=(
        ClaimConfig(
            "A neutral moment and five labels of a person bring the error of coded pain down by 0.15 of 16.",
            metric="mae",
            direction="lower",
            delta=0.15,
            better=ClaimSide(PERSONAL, k=5),
            than=ClaimSide("none"),
        ),
    ),
)
