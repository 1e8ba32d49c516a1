"""The recipes that are compared: names and configs, all with the same batches, steps and augmentation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pretrain.clips.augment import AugmentConfig
from pretrain.clips.loader import BatchConfig
from pretrain.clips.tracks import ClipShape
from pretrain.config import PretrainConfig
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.encoder import EncoderConfig
from pretrain.encoders.vit import SIZES, VideoViTConfig
from pretrain.objectives.contrastive import ContrastiveConfig
from pretrain.objectives.masked import MaskedConfig
from pretrain.objectives.pairwise import PairwiseConfig

SHAPE = ClipShape(frames=4, fps=5.0)
_SEEN: dict[str, Any] = {"frames": SHAPE.frames, "size": 48}


def _size(name: str) -> dict[str, Any]:
    return dict(SIZES[name])


ENCODERS: dict[str, EncoderConfig] = {
    "conv": ConvConfig(**_SEEN),
    "vit": VideoViTConfig(**_SEEN, tubelet=(4, 8, 8), width=96, depth=3, heads=3),
    "vit-small": VideoViTConfig(**_SEEN, tubelet=(2, 8, 8), **_size("small")),
    "vit-base": VideoViTConfig(**_SEEN, tubelet=(2, 8, 8), **_size("base")),
}
OFF, PAIRWISE = ContrastiveConfig(weight=0), PairwiseConfig()
NO_PAIRWISE = PairwiseConfig(weight=0)
USUAL = ContrastiveConfig(same_track_share=0)
SAME_TRACK = ContrastiveConfig(same_track_share=0.25)
WEIGHTS = (0.03, 0.1, 0.3)


def make_recipes(encoder: EncoderConfig, steps: int) -> dict[str, PretrainConfig]:
    """Every recipe by name; those with `masked` see with a ViT, whatever the encoder of the others is."""
    base = PretrainConfig(
        encoder=encoder,
        clip=SHAPE,
        batch=BatchConfig(tracks=12, clips_per_track=6),
        augment=AugmentConfig(zoom=0.12, ramp=0.6, noise=0.05, cutout=0.3),
        contrastive=OFF,
        pairwise=PAIRWISE,
        steps=steps,
    )
    dropping = replace(base, encoder=encoder if encoder.can_drop else ENCODERS["vit"])
    masked = MaskedConfig(weight=1.0)
    return {
        "contrastive": replace(base, contrastive=USUAL, pairwise=NO_PAIRWISE),
        "same-track": replace(base, contrastive=SAME_TRACK, pairwise=NO_PAIRWISE),
        "same-track unweighted": replace(base, contrastive=replace(SAME_TRACK, weighted=False), pairwise=NO_PAIRWISE),
        "pairwise": base,
        "pairwise (vit)": dropping,
        "contrastive + pairwise": replace(base, contrastive=USUAL),
        "same-track + pairwise": replace(base, contrastive=SAME_TRACK),
        "masked (vit)": replace(dropping, masked=masked, pairwise=NO_PAIRWISE),
        "masked + pairwise (vit)": replace(dropping, masked=masked),
        **_candidates(base),
    }


def _candidates(base: PretrainConfig) -> dict[str, PretrainConfig]:
    """What may turn out better, to be tried on development people."""
    kinds: Mapping[str, ContrastiveConfig] = {
        "contrastive": USUAL,
        "same-track": SAME_TRACK,
        "centred": replace(SAME_TRACK, centred=True),
        "soft": replace(SAME_TRACK, targets="measures"),
        "centred soft": replace(SAME_TRACK, centred=True, targets="measures"),
    }
    weighted = {
        f"{weight:g} {name} + pairwise": replace(base, contrastive=replace(kind, weight=weight))
        for name, kind in kinds.items()
        for weight in WEIGHTS
    }
    alone = {name: replace(base, contrastive=kinds[name], pairwise=NO_PAIRWISE) for name in list(kinds)[2:]}
    shares = {
        f"same-track {share:g}": replace(
            base, contrastive=replace(SAME_TRACK, same_track_share=share), pairwise=NO_PAIRWISE
        )
        for share in (0.1, 0.5)
    }
    warm = {
        f"same-track at {t:g} + pairwise": replace(base, contrastive=replace(SAME_TRACK, weight=0.1, temperature=t))
        for t in (0.05, 0.3)
    }
    centred_soft = replace(kinds["centred soft"], weight=0.1)
    pairwise = {
        "0.1 centred soft + pairwise absolute 0.3": replace(
            base, contrastive=centred_soft, pairwise=PairwiseConfig(absolute_weight=0.3)
        ),
        "pairwise absolute": replace(base, pairwise=PairwiseConfig(absolute_weight=1.0)),
        "pairwise absolute 0.3": replace(base, pairwise=PairwiseConfig(absolute_weight=0.3)),
        "pairwise no rank": replace(base, pairwise=PairwiseConfig(rank_weight=0)),
        "pairwise mild": replace(base, augment=AugmentConfig(zoom=0.08, ramp=0.3, noise=0.02, cutout=0)),
        "pairwise strong": replace(base, augment=AugmentConfig(zoom=0.2, ramp=0.9, noise=0.1, gamma=0.5, cutout=0.7)),
        "pairwise slow": replace(base, optimizer=replace(base.optimizer, learning_rate=5e-4)),
        "pairwise mean": replace(base, ema=0.995),
    }
    return {**weighted, **alone, **shares, **warm, **pairwise}
