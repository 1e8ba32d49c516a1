import pytest

from tests.support.filmed import film_phantoms


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    return film_phantoms(tmp_path_factory.mktemp("phantoms") / "cohort")
