"""Imports point down the house only: pretrain <- personalize <- pipelines; nobody imports configs, scripts, tests."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOOR = {"pretrain": 0, "personalize": 1, "pipelines": 2}
CLOSED = {"configs", "scripts", "tests"}


def imported(source, package):
    """Top-level packages that a source file imports: absolute, relative, inside functions, by importlib."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:  # every level that leaves the package would need more dots than there are parts
                parts = package.split(".")
                base = parts[: len(parts) - node.level + 1]
                yield base[0] if base else (node.module or "?").split(".")[0]
            else:
                yield (node.module or "").split(".")[0]


def upward(path, source, root=ROOT):
    """The imports of a file that point up, or into a closed folder."""
    parts = path.relative_to(root).with_suffix("").parts
    floor = FLOOR[parts[0]]
    package = ".".join(parts[:-1])
    return [n for n in imported(source, package) if n in CLOSED or FLOOR.get(n, -1) > floor]


@pytest.mark.parametrize("floor", FLOOR)
def test_no_import_points_up(floor):
    files = list((ROOT / floor).rglob("*.py"))
    assert len(files) > 3
    wrong = {str(f.relative_to(ROOT)): upward(f, f.read_text()) for f in files}
    assert not {f: names for f, names in wrong.items() if names}


@pytest.mark.parametrize(
    "source",
    [
        "import personalize.cohorts",
        "from personalize import cohorts",
        "def f():\n    from pipelines.cli import main",
        "import configs.pretrain.tiny as t",
        "from ...personalize import cohorts",
    ],
)
def test_seeded_upward_imports_are_caught(source):
    assert upward(ROOT / "pretrain" / "clips" / "seeded.py", source)


@pytest.mark.parametrize("source", ["import pretrain.clips", "from ..heads import ridge", "import numpy"])
def test_downward_and_level_imports_pass(source):
    assert not upward(ROOT / "personalize" / "cohorts" / "fine.py", source)
