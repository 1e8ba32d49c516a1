"""The lock satisfies the ranges of pyproject.toml, carries hashes, and nothing names an index address."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def locked():
    """(requirement, number of hashes) for every entry of the lock."""
    text = (ROOT / "scripts" / "requirements.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip():
            yield Requirement(line.split("--hash")[0].strip()), line.count("--hash=sha256:")


def wanted():
    groups = PROJECT["dependency-groups"]
    return [Requirement(r) for r in PROJECT["project"]["dependencies"] + groups["dev"] + groups["build"]]


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_lock_satisfies_range(requirement):
    versions = [next(iter(r.specifier)).version for r, _ in locked() if r.name == requirement.name]
    assert versions, f"{requirement.name} is not locked"
    assert all(requirement.specifier.contains(v) for v in versions)


def test_every_locked_package_is_pinned_and_hashed():
    entries = list(locked())
    assert len(entries) > 50
    assert all(hashes and str(r.specifier).startswith("==") for r, hashes in entries)


def test_build_backend_is_locked():
    names = {r.name for r, _ in locked()}
    assert {Requirement(r).name for r in PROJECT["build-system"]["requires"]} <= names


def test_no_tracked_file_names_an_index_or_a_private_path():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    private = re.compile(r"(?<![\w.])/(?:work|root|opt/pypi|home/\w+)/|pypi\.org|pythonhosted|index-url\s*[= ]\s*http")
    offenders = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if name != "tests/test_packaging.py" and path.is_file() and private.search(path.read_text(errors="replace")):
            offenders.append(name)
    assert not offenders
