"""`tiny` with the contrastive objective beside the pairwise one, a quarter of the negatives from the same track.

    wince pretrain configs/pretrain/tiny_contrastive.py --clips CLIPS --out RUN

Hardware: 2 CPU cores, 2 GB of memory.
Time: about 4 minutes (two views of every clip, hence twice `tiny`'s step).
Expect: on 20 development phantoms of an earlier and easier make, one seed, PCC .80 and MAE 1.53 for the population
model and 1.37 for neutral reference + ridge at k = 5; `tiny` had .79, 1.59 and 1.28. The intervals overlap: neither is
shown to be better.
"""

from dataclasses import replace

from configs.pretrain.tiny import config as tiny
from pretrain.objectives.contrastive import ContrastiveConfig

config = replace(tiny, contrastive=ContrastiveConfig(weight=0.1), steps=600, evaluate_every=300)
