"""Shares of the files for machines that know nothing of each other but a file system."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pipelines.prepare.work import Job
from pretrain.errors import UserError


class Shard(NamedTuple):
    """Share `number` (from 1) of `of`."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}-of-{self.of}"

    def take(self, jobs: Sequence[Job]) -> list[Job]:
        """This share of the files, which are dealt out by size so that all shares last about as long.

        Files that come or go move others to another share: nothing is done twice, and merging says what is not done.
        """
        by_size = sorted(jobs, key=lambda job: (-job.stamp.size, job.name))
        return by_size[self.number - 1 :: self.of]


def parse_shard(text: str) -> Shard:
    """`3/16` as a shard; raises `UserError` for anything else."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f"--shard {text}: should be i/n with 1 <= i <= n, such as 1/16")
    return Shard(int(match[1]), int(match[2]))
