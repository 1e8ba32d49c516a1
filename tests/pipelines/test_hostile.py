from collections import Counter

import pytest

from tests.support import hostile
from tests.support.hostile import KINDS, write_corpus
from tests.support.promises import broken_promises, run_prepare

pytestmark = pytest.mark.long
FILES = 48


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / "films"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hostile, "SIZES", 250)
        return folder, write_corpus(folder, FILES, seed=0)


def test_the_corpus_holds_every_kind_and_is_the_same_for_the_same_seed(corpus, tmp_path):
    folder, kinds = corpus
    assert min(Counter(kinds.values())[k] for k in KINDS) >= 3
    assert len(kinds) == FILES
    again = write_corpus(tmp_path, FILES, seed=0, without="many_sizes")  # which take long
    assert again == {name: kind for name, kind in kinds.items() if kind != "many_sizes"}
    files = [name for name in again if (tmp_path / name).is_file() and again[name] != "no_permission"]
    assert [n for n in files if (tmp_path / n).read_bytes() != (folder / n).read_bytes()] == []


def test_bad_files_cost_nothing_but_themselves(corpus, tmp_path):
    """No crash, no hang, no great memory; one row each, exit code 1, one line of summary, and all frames add up."""
    folder, kinds = corpus
    run = run_prepare(folder, tmp_path / "clips", workers=2, limit_s=300)
    assert broken_promises(run, tmp_path / "clips", kinds) == []
    statuses = Counter(row.status for row in run.rows)
    assert statuses["ok"] <= 0.4 * len(kinds)
    assert {row.status for row in run.rows if kinds[row.file] == "odd_name"} == {"ok"}  # the rest is done
