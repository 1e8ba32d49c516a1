"""Records as the same bytes in every process."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tensorflow_datasets.core.example_serializer import ExampleSerializer


@contextlib.contextmanager
def steady_bytes() -> Iterator[None]:
    """While this lasts, TFDS writes equal records as equal bytes.

    A record is a map, which protobuf writes in the order of a hash that is seeded anew in every process.
    """
    before = ExampleSerializer.serialize_example

    def serialize(self: ExampleSerializer, example: Any) -> bytes:
        return self.get_tf_example(example).SerializeToString(deterministic=True)

    ExampleSerializer.serialize_example = serialize
    try:
        yield
    finally:
        ExampleSerializer.serialize_example = before
