"""Neutral reference and ridge per person, k = 5, beside the population model. The demo's config.

    wince personalize configs/personalize/ridge.py --cohort COHORT --features features.parquet --out RUN

Hardware: 2 CPU cores.
Time: about 10 s for 16 people x 2 recordings x 20 clips x 192 features.
Expect: where people differ in scale, `reference+ridge` has a lower MAE and a higher CCC than `none` (paired difference
off zero), while the PCC within people hardly moves; where people are alike, no difference. Seen on the demo's 30
phantom people with the bare measures, `vas`: MAE 1.81 -> 1.52, CCC 0.58 -> 0.67. With 12 people the prior cannot be
told from chance and nothing was gained.
"""

from personalize.config import PersonalizeConfig

config = PersonalizeConfig()
