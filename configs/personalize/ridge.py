"""Neutral reference and ridge per person, k = 5, beside the population model. The demo's config.

    wince personalize configs/personalize/ridge.py --cohort COHORT --features features.parquet --out RUN

Hardware: 2 CPU cores. Wall time: about 5 s for 16 people x 2 recordings x 20 clips x 192 features.
Expect: where people differ in scale, `ridge` and `reference+ridge` have a lower MAE and a higher CCC than `none`
(paired difference off zero); the PCC within people hardly moves. Where people are alike, no difference.
"""

from personalize.config import PersonalizeConfig

config = PersonalizeConfig()
