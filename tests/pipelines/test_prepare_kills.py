"""Real processes: killed ones leave work that ends with the same bytes, on a pool, on shards and on Beam."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.prepare import prepare
from pipelines.prepare.partial import partial_folder
from scripts.soak.kills import digest, finish, torture

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    out = tmp_path_factory.mktemp("films") / "footage"
    size = ["--participants", "2", "--recordings", "1", "--seconds", "4"]
    assert main(["phantom", "episodes", "--unlabelled", *size, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def whole(footage, tmp_path_factory):
    """Digest of the clips as an uninterrupted run makes them, and how long that took."""
    out, start = tmp_path_factory.mktemp("whole") / "clips", time.monotonic()
    finish(footage, out)
    return digest(out), time.monotonic() - start


@pytest.mark.long
@pytest.mark.parametrize("kills", [1, 2])
def test_killed_and_the_same_bytes(footage, whole, tmp_path, kills):
    found = torture(footage, tmp_path / "run" / "clips", 0.7 * whole[1], random.Random(5), kills=kills)
    assert found.wrong == []
    assert found.times
    assert found.digest == whole[0]


def test_a_disk_that_is_full_is_one_line_and_exit_1(footage, whole, tmp_path):
    out = tmp_path / "clips"
    words = ["prepare", str(footage), "--out", str(out), "--size", "48", "--workers", "1"]
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
    limited += "from pipelines.cli import main; sys.exit(main())"
    small = subprocess.run([sys.executable, "-c", limited, *words], cwd=ROOT, capture_output=True, text=True)
    assert small.returncode == 1
    errors = [line for line in small.stderr.splitlines() if not line.startswith("prepare ")]
    assert len(errors) == 1
    assert "cannot be written (File too large); what is finished is kept in" in errors[0]
    assert not out.exists()
    assert prepare([footage], out, size=48, workers=1) == 0
    assert digest(out) == whole[0]


def test_beam_on_several_processes_makes_the_same_bytes(footage, whole, tmp_path):
    pytest.importorskip("apache_beam", reason="Apache Beam is not installed (extra `beam`)")
    out = tmp_path / "clips"
    options = ["runner=DirectRunner", "direct_running_mode=multi_processing", "direct_num_workers=2"]
    assert prepare([footage], out, size=48, beam=options) == 0
    assert digest(out) == whole[0]
    assert not partial_folder(out).exists()
