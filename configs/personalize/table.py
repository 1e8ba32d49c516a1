"""A cohort of plain tables (`wince cohort import`) with one rating scale: ridge per person against the population.

    wince personalize configs/personalize/table.py --cohort COHORT --out RUN

Ratings may be numbers or classes (words; integers with `--kind class` or `--kind ordinal`); k counts labels in total,
for classes labels of each. Rows without an order are drawn 20 times.

Hardware: 2 CPU cores.
Time: some seconds for 40 people x 40 rows with an order, 2 min for classes without one.
Expect: a gain over `none` in MAE where people use the scale differently. There is no neutral moment in a table, so
no reference; and no threshold, so AUROC and F1 of numbers are undefined.
"""

from personalize.config import AdaptationConfig, PersonalizeConfig

config = PersonalizeConfig(
    target=None,
    threshold=None,
    adaptations=(
        AdaptationConfig("none"),
        AdaptationConfig("ridge", k=5),
        AdaptationConfig("participant_prior", k=5),
    ),
)
