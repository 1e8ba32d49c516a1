"""Spoken pain of people in iced water, with a claim that is stated before anybody is tested.

    wince personalize configs/personalize/cold_pressor.py --cohort COHORT --features features.parquet --out RUN

The claim: a neutral reference and five labels of the person lower the error by at least 0.2 of 10. How often such a
verdict is wrong: `scripts/calibrate_claims.md`.

Hardware: 2 CPU cores.
Time: about 30 s for 25 people x 2 recordings.
Expect: with 25 people whose faces differ a true difference of twice as much is called *supported* in 84 % of cohorts.
Seen on 25 rendered phantoms (seed 8800, an encoder of `pretrain/compact`): +0.50 [+0.23, +0.77], *supported*.
"""

from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.claims import ClaimConfig, ClaimSide

PERSONAL = "reference+ridge"

config = PersonalizeConfig(
    target="vas",
    threshold=4.0,
    adaptations=(AdaptationConfig("none"), AdaptationConfig(PERSONAL, k=5)),
    claims=(
        ClaimConfig(
            "A neutral moment and five labels of a person bring the error of spoken pain down by 0.2 of 10.",
            metric="mae",
            direction="lower",
            delta=0.2,
            better=ClaimSide(PERSONAL, k=5),
            than=ClaimSide("none"),
        ),
    ),
)
