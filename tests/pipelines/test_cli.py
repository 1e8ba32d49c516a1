"""The command line's promises: exit codes, one-line errors with the nearest right word, a quick --help."""

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from personalize.studies.config import Sizes
from pipelines.cli import STUDY_SIZES, build_parser, main
from pipelines.demo import DemoSize, demo_commands


def run(capsys, *words):
    code = main([str(w) for w in words])
    captured = capsys.readouterr()
    return code, captured.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["embd"], "unknown command 'embd'; did you mean 'embed'?"),
        (["prepare"], "required"),
        (["prepare", "x", "--out", "y", "--sise", "3"], "unknown argument '--sise'; did you mean '--size'?"),
        (["prepare", "nowhere", "--out", "y"], "nowhere"),
        (["prepare", "x", "--out", "y", "--size", "big"], "big"),
        (["prepare", "x", "--out", "y", "--shard", "3"], "--shard 3: should be i/n"),
        (["prepare", "x", "--out", "y", "--merge"], "nothing to merge"),
        (["forget", "sub-01"], "required"),
        (["forget", "sub-01", "nowhere"], "nowhere: no such file or folder"),
        (["forget", "sub-01", "x", "--private", "nowhere"], "--private nowhere: no such key file"),
        (["pretrain", "pretrain/tinny", "--clips", "x", "--out", "y"], "did you mean 'pretrain/tiny'?"),
        (["pretrain", "pretrain/tiny", "--clips", "nowhere", "--out", "y"], "wince prepare"),
        (["pretrain", "pretrain/tiny", "--clips", "x", "--out", "y", "--stepz", "3"], "did you mean 'steps'?"),
        (["pretrain", "pretrain/tiny", "--clips", "x", "--out", "y", "--steps"], "--steps needs a value"),
        (["pretrain", "personalize/ridge", "--clips", "x", "--out", "y"], "needs a PretrainConfig"),
        (["embed", "nowhere", "x", "--out", "y"], "no run folder nowhere"),
        (["personalize", "personalize/ridge", "--cohort", "nowhere", "--out", "y"], "nowhere"),
        (["report", "nowhere", "--out", "y.html"], "no run folder nowhere"),
        (["phantom", "episods", "--out", "y"], "did you mean 'episodes'?"),
        (["phantom"], "a scenario is needed"),
        (["phantom", "episodes"], "--out is needed"),
        (["phantom", "episodes", "--out", "y", "--world", "alik"], "did you mean 'alike'?"),
        (["phantom", "shoulder", "--out", "y", "--world", "clock,level"], "contradict each other"),
        (["phantom", "dementia", "--out", "y", "--layout", "unbc"], "is for scenario 'shoulder'"),
        (["phantom", "shoulder", "--out", "y", "--layout", "unbc", "--unlabelled"], "leave out --unlabelled"),
        (["phantom", "episodes", "--out", "y", "--participants", "0"], "participants=0 is too small"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(capsys, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    code, err = run(capsys, *words)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_existing_output_is_never_touched(capsys, tmp_path, drawn_clips):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    for words in (
        ["demo", "--out", full],
        ["phantom", "episodes", "--out", full],
        ["pretrain", "pretrain/tiny", "--clips", drawn_clips, "--out", full],
        ["embed", "measures", drawn_clips, "--out", full / "mine.txt"],
    ):
        code, err = run(capsys, *words)
        assert code == 2
        assert "choose another --out" in err
    assert (full / "mine.txt").read_text() == "mine"


def test_help_loads_nothing_that_computes():
    code = (
        "import sys; from pipelines.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'jax', 'numpy', 'cv2', 'av', 'tensorflow_datasets', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_every_command_has_help():
    for command in ("demo", "phantom", "prepare", "pretrain", "embed", "personalize", "report", "forget", "doctor"):
        with pytest.raises(SystemExit) as left:
            build_parser().parse_args([command, "--help"])
        assert left.value.code == 0


def test_demo_types_only_commands_that_a_user_could(tmp_path):
    for size in (DemoSize(), DemoSize(overrides="--steps 3")):
        for command in demo_commands(tmp_path / "a folder with spaces", size):
            args, extra = build_parser().parse_known_args(command)
            assert args.command == command[0]
            assert bool(extra) == (command[0] == "pretrain" and bool(size.overrides))


def test_doctor_finds_this_machine_well(capsys):
    assert main(["doctor"]) == 0
    assert "FAIL" not in capsys.readouterr().out


def test_module_runs_as_a_script():
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "nonsense"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("wince: ")


def test_phantom_list_names_every_scenario_and_world(capsys):
    from personalize.phantom.scenarios import SCENARIOS
    from personalize.phantom.worlds import SWITCHES
    from pipelines.cli import SCENARIO_NAMES

    assert tuple(SCENARIOS) == SCENARIO_NAMES
    assert main(["phantom", "--list"]) == 0
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert {*SCENARIOS, *SWITCHES} <= set(lines)


def test_sizes_of_studies_are_those_that_configs_know():
    assert get_args(Sizes) == STUDY_SIZES  # spelt out, so that --help loads no jax
