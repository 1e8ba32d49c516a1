"""A model brought to a new population: as it is, recalibrated, refitted, LoRA, all of it; by number of people labelled.

    wince personalize configs/personalize/new_population.py --train-cohort KNOWN --train-features known.parquet \
        --cohort NEW --features new.parquet --out RUN

Development people of NEW may be labelled, all others are tested, the same in every rung: those with `split`
`development` in its participants.tsv, or of a file `--development FILE`, else a hashed fifth. See
`personalize/new_population.md`.

Hardware: 2 CPU cores.
Time: about 3 min of one core for 40 known and 60 new people (11 for development) x 40 clips x 192 features.
Expect: with ratings higher and less steep among the new people, `calibrate` mends most with two people labelled and
`lora` and `full` no more than it; where nothing differs, no rung gains. On a made-up linear world with the first: MAE
2.11 zero-shot; with 2 / 11 people labelled 0.62 / 0.58 (`calibrate`), 1.24 / 0.84 (`refit`), 0.91 / 0.78 (`lora`).
"""

from personalize.config import PersonalizeConfig
from personalize.protocols.population import PopulationConfig

config = PersonalizeConfig(target=None, threshold=None, population=PopulationConfig())
