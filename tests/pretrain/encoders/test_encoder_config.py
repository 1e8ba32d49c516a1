"""The encoder of a config: any kind, by JSON and by overrides; wrong ones in one line."""

import json

import pytest

from pipelines.configuration import override, read_config, to_json
from pretrain.config import PretrainConfig
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.frames import FrameConfig
from pretrain.encoders.vit import VideoViTConfig
from pretrain.errors import UserError

BASE = PretrainConfig(encoder=VideoViTConfig(size=48, view=0.7, width=64, heads=4))


@pytest.mark.parametrize(
    "encoder",
    [VideoViTConfig(attention="factorised"), ConvConfig(stages=(8, 16)), FrameConfig(depth=1)],
    ids=lambda e: e.kind,
)
def test_json_round_trip(encoder, tmp_path):
    config = PretrainConfig(encoder=encoder)
    (tmp_path / "config.json").write_text(json.dumps({"config": to_json(config)}))
    assert read_config(tmp_path / "config.json", PretrainConfig) == config
    assert override(config, {"encoder.width": "48", "encoder.size": "40"}).encoder.kind == encoder.kind


def test_another_kind_keeps_what_both_have_and_takes_its_own_defaults():
    conv = override(BASE, {"encoder.stages": "[8, 16]", "encoder.kind": "conv", "encoder.view": "0.9"}).encoder
    assert conv == ConvConfig(size=48, view=0.9, width=64, stages=(8, 16))
    frames = override(BASE, {"encoder.kind": "frames"}).encoder
    assert frames == FrameConfig(size=48, view=0.7, width=64, depth=4, heads=4)
    assert override(PretrainConfig(encoder=conv), {"encoder.kind": "vit", "encoder.heads": "2"}).encoder.kind == "vit"


def test_the_kind_that_it_has_already_changes_nothing():
    assert override(BASE, {"encoder.kind": "vit"}) == BASE


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"encoder.kind": "cnov"}, "no encoder.kind 'cnov'; did you mean 'conv'?"),
        ({"encoder.kind": "conv", "encoder.stagez": "[8]"}, "did you mean 'encoder.stages'?"),
        ({"encoder.kind": "conv", "encoder.tubelet": "[2, 8, 8]"}, "no config key 'encoder.tubelet'"),
        ({"encoder.stages": "[8]"}, "no config key 'encoder.stages'"),
        ({"encoder.kind": "conv", "encoder.stages": "[12]"}, "PretrainConfig.encoder.stages.0: "),
        ({"encoder.kind": "conv", "augment.token_share": "0.5"}, "augment.token_share=0.5 needs an encoder"),
        ({"encoder.kind": "frames", "encoder.heads": "5"}, "not a multiple of heads 5"),
        ({"encoder.kind": "conv", "encoder.frames": "4"}, "clip.frames=8 but encoder.frames=4"),
    ],
)
def test_wrong_encoders_are_one_line(changes, says):
    with pytest.raises(UserError) as caught:
        override(BASE, changes)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_key_in_a_record_names_the_nearest_of_its_kind(tmp_path):
    record = to_json(PretrainConfig(encoder=ConvConfig()))
    record["encoder"]["stagez"] = [8]
    (tmp_path / "config.json").write_text(json.dumps({"config": record}))
    with pytest.raises(UserError, match=r"'encoder\.stagez'; did you mean 'stages'\?"):
        read_config(tmp_path / "config.json", PretrainConfig)
