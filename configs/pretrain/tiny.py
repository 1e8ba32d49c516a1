"""A tiny video transformer for a laptop: the encoder of `wince demo`.

wince pretrain configs/pretrain/tiny.py --clips CLIPS --out RUN
"""

from pretrain.config import PretrainConfig

config = PretrainConfig()
