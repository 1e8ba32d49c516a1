"""SIGTERM is how a cluster says that it wants the machine back: the run stops at the next step, with a checkpoint."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

import jax
from jax.experimental import multihost_utils


class Preempted(Exception):
    """The run was told to stop and is saved at `step`; the same command goes on from there."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped at step {step}; the same command goes on")
        self.step = step


class Preemption:
    """Within its `with`, SIGTERM no longer kills; `reached(step)` tells whether to stop at that step.

    In a run of several processes, it is JAX's coordination service that hears the signal (in any of them) and chooses
    a step that none has passed yet: all stop at the same one. It has to be asked at every step.
    """

    def __init__(self) -> None:
        self._asked = False
        self._alone = jax.process_count() == 1
        self._before: Any = None

    def reached(self, step: int) -> bool:
        """Whether the run is to be saved at this step and left."""
        return self._asked if self._alone else multihost_utils.reached_preemption_sync_point(step)

    def __enter__(self) -> "Preemption":
        # Python hands signals to the main thread only; with several processes the handler is the service's
        if self._alone and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
