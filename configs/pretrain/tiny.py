"""A tiny video transformer for a laptop: the encoder of `wince demo`.

    wince pretrain configs/pretrain/tiny.py --clips CLIPS --out RUN

Hardware: 2 CPU cores, 2 GB.
Time: to be measured.
Expect: to be measured.
"""

from pretrain.config import PretrainConfig

config = PretrainConfig()
