"""A model brought to a new population: as it is, recalibrated, refitted, LoRA, all of it; by number of people labelled.

    wince personalize configs/personalize/new_population.py --train-cohort KNOWN --train-features known.parquet \
        --cohort NEW --features new.parquet --out RUN

Development people of NEW may be labelled, all others are tested, the same in every rung: those with `split`
`development` in its participants.tsv, or of a file `--development FILE`, else a hashed fifth. See
`personalize/new_population.md`.

Hardware: 2 CPU cores.
Time: about 3 min of one core for 40 known and 60 new people (11 for development) x 40 clips x 192 features.
Expect: on a made-up linear world (ratings higher and less steep among the new people) MAE 2.11 zero-shot; with 2 and
11 people labelled 0.62 and 0.58 (`calibrate`), 1.24 and 0.84 (`refit`), 0.91 and 0.78 (`lora`), 0.88 and 0.74 (`full`).
On rendered phantoms (30 healthy older adults known, 7 of 40 with dementia labelled, an encoder of `pretrain/compact`
from 30 others; MAE of `pspi`): 1.72 zero-shot; with 2, 5 and 7 labelled 1.48, 1.28, 1.28 (`calibrate`), 1.57, 1.43,
1.41 (`refit`), 1.49, 1.34, 1.26 (`lora`), 1.54, 1.33, 1.28 (`full`).
"""

from personalize.config import PersonalizeConfig
from personalize.protocols.population import PopulationConfig

config = PersonalizeConfig(target=None, threshold=None, population=PopulationConfig())
