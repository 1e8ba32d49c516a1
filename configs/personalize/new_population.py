"""A model brought to a new population: as it is, recalibrated, refitted, LoRA, all of it; by number of people labelled.

    wince personalize configs/personalize/new_population.py --train-cohort KNOWN --train-features known.parquet \
        --cohort NEW --features new.parquet --out RUN

Development people of NEW may be labelled, all others are tested, the same in every rung: those with `split`
`development` in its participants.tsv, or of a file `--development FILE`, else a hashed fifth. See
`personalize/new_population.md`.

Hardware: 2 CPU cores.
"""

from personalize.config import PersonalizeConfig
from personalize.protocols.population import PopulationConfig

config = PersonalizeConfig(target=None, threshold=None, population=PopulationConfig())
