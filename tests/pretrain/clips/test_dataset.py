"""Clip records survive the dataset unchanged, without TensorFlow, and a failure leaves nothing."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from pretrain.clips.dataset import crop_size, open_clips, read_clips, write_clips
from pretrain.errors import UserError
from tests.support.drawn import moving_records


def test_records_come_back_as_they_went_in(tmp_path):
    written = {r.key: r for r in moving_records(tracks=3)}
    long_film = written["sub-01/video.mp4#0000#000001"]
    long_film.time[:] += 36_000  # ten hours in, where single precision is 4 ms
    write_clips(written.values(), tmp_path, 32)
    read = {r.key: r for r in read_clips(tmp_path)}
    assert read.keys() == written.keys()
    for key, record in read.items():
        for name, value in vars(record).items():
            expected = getattr(written[key], name)
            if name == "time":
                np.testing.assert_allclose(value, expected, rtol=0, atol=5e-7)
            elif isinstance(value, np.ndarray):
                assert value.dtype == expected.dtype
                assert (value == expected).all()
            else:
                assert value == expected


def test_folder_is_a_tfds_dataset(drawn_clips):
    builder = tfds.builder_from_directory(str(drawn_clips))
    assert builder.info.splits["train"].num_examples == 16
    assert crop_size(drawn_clips) == 32


def test_tensorflow_is_not_needed(drawn_clips):
    code = (
        "import sys; from pathlib import Path; from pretrain.clips.dataset import read_clips;"
        "n = sum(1 for _ in read_clips(Path(sys.argv[1]))); assert n == 16 and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(drawn_clips)], check=True)


def test_failure_leaves_nothing(tmp_path):
    def broken():
        yield next(moving_records())
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        write_clips(broken(), tmp_path, 32)
    assert not list(tmp_path.iterdir())


def test_other_folder_is_refused(tmp_path):
    with pytest.raises(UserError, match="wince prepare"):
        open_clips(tmp_path)
