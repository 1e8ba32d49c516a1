import dataclasses
import hashlib

import numpy as np
import pytest

from pretrain.errors import RunFailure
from pretrain.footage.spool import SpoolWriter, read_spool
from tests.support.drawn import moving_records


def test_records_come_back_as_they_were(tmp_path):
    records = list(moving_records(tracks=2))
    with SpoolWriter(tmp_path / "x") as spool:
        for record in records:
            spool(record)
    assert (spool.size, spool.sha256) == (
        (tmp_path / "x").stat().st_size,
        hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest(),
    )
    for one, two in zip(records, read_spool(tmp_path / "x"), strict=True):
        for field in dataclasses.fields(one):
            before, after = getattr(one, field.name), getattr(two, field.name)
            assert type(before) is type(after)
            np.testing.assert_array_equal(before, after, strict=isinstance(before, np.ndarray))


def test_nothing_is_left_of_a_file_that_failed(tmp_path):
    with pytest.raises(ValueError, match="decoder"), SpoolWriter(tmp_path / "x") as spool:
        spool(next(moving_records()))
        raise ValueError("decoder")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_not_the_fault_of_the_footage(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken, pytest.raises(RunFailure, match="No space left"):
        broken.setattr("os.fsync", full)
        with SpoolWriter(tmp_path / "x") as spool:
            spool(next(moving_records()))
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunFailure, match="cannot be written"):
        SpoolWriter(tmp_path / "absent" / "x")
