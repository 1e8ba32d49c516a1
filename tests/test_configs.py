"""Every config is compared with its recorded JSON, so that no default changes an experiment unseen."""

import json
from pathlib import Path

import pytest

from personalize.config import PersonalizeConfig
from personalize.studies.config import Study
from pipelines.configuration import load_config, override, to_json
from pipelines.run_folder import first_difference
from pretrain.config import PretrainConfig
from pretrain.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"pretrain": PretrainConfig, "personalize": PersonalizeConfig, "studies": Study}
FILES = sorted(p for kind in KINDS for p in (ROOT / "configs" / kind).glob("*.py") if p.stem != "__init__")


def current(path):
    return to_json(load_config(str(path), KINDS[path.parent.name]))


def golden(path):
    return ROOT / "tests" / "golden" / path.parent.name / f"{path.stem}.json"


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_config_is_as_recorded(path):
    assert golden(path).exists(), "run scripts/golden and look at what it writes"
    assert first_difference(json.loads(golden(path).read_text()), current(path)) is None


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_config_docstring_tells_command_hardware_time_and_score(path):
    text = path.read_text()
    docstring = text.split('"""')[1]
    study = f"wince study {path.stem} " if path.parent.name == "studies" else None
    assert (study or f"configs/{path.parent.name}/{path.name}") in docstring
    assert all(word in docstring for word in ("Hardware:", "Time:", "Expect:"))


def test_seeded_difference_is_caught():
    path = FILES[0]
    changed = current(path)
    changed["seed"] = changed.get("seed", 0) + 1
    assert "seed" in first_difference(json.loads(golden(path).read_text()), changed)


def test_loading_by_name_and_by_path_agree():
    by_name, by_path = (
        load_config(n, PretrainConfig) for n in ("pretrain/tiny", str(ROOT / "configs/pretrain/tiny.py"))
    )
    assert by_name == by_path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("config = PretrainConfig(stepz=3)", "no key 'stepz'; did you mean 'steps'?"),
        ("config = PretrainConfig(steps=-3)", "steps"),
        ("config = PretrainConfig(encoder=VideoViTConfig(widht=3))", "no key 'widht'; did you mean 'width'?"),
        ("config = PretrainConfig(encoder=VideoViTConfig(width=97))", "97"),
        ("config = 3", "a int"),
        ("konfig = 3", "missing"),
        ("config = PretrainConfig(", "SyntaxError"),
        ("from nowhere import x", "nowhere"),
    ],
)
def test_wrong_configs_are_one_line(tmp_path, text, says):
    header = "from pretrain.config import PretrainConfig\nfrom pretrain.encoders.vit import VideoViTConfig\n"
    path = tmp_path / "wrong.py"
    path.write_text(header + text)
    with pytest.raises(UserError) as caught:
        load_config(str(path), PretrainConfig)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stepz": "3"}, "did you mean 'steps'?"),
        ({"optimizer.lerning_rate": "3"}, "did you mean 'optimizer.learning_rate'?"),
        ({"steps": "many"}, "steps"),
        ({"steps.more": "1"}, "has no parts"),
        ({"optimizer": "1"}, "group"),
        ({"contrastive.weight": "0", "pairwise.weight": "0"}, "nothing to learn"),
    ],
)
def test_wrong_overrides_are_one_line(changes, says):
    with pytest.raises(UserError) as caught:
        override(load_config("pretrain/tiny", PretrainConfig), changes)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_override_sets_nested_keys():
    config = override(PretrainConfig(), {"optimizer.learning_rate": "1e-4", "encoder.tubelet": "[2, 8, 8]"})
    assert config.optimizer.learning_rate == 1e-4
    assert config.encoder.tubelet == (2, 8, 8)
