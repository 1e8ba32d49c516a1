"""Several processes that train as one: found out from what started them.

Slurm (`srun`), Open MPI (`mpirun`) and TPU pods on GKE tell each process what it needs to know, and JAX reads it.
Anywhere else `WINCE_COORDINATOR` (host:port of the first process), `WINCE_PROCESSES` (their number) and `WINCE_PROCESS`
(this one's, from 0) say so; `WINCE_COORDINATOR=auto` leaves it to JAX, which asks the cloud's metadata on TPU machines.
"""

import os
from collections.abc import Mapping
from typing import Any

import jax

from pretrain.errors import RunFailure, UserError

COORDINATOR, PROCESSES, PROCESS = "WINCE_COORDINATOR", "WINCE_PROCESSES", "WINCE_PROCESS"


def start_distributed(environment: Mapping[str, str] = os.environ) -> None:
    """Joins this process with the others, if there are others; has to come before anything touches a device.

    Raises `UserError` for variables that make no sense together, and `RunFailure` when the processes do not meet.
    """
    arguments = _arguments(environment)
    if arguments is None or jax.distributed.is_initialized():
        return
    # Processors run programs side by side, and where two of them talk to other processes, each of these may begin with
    # another one and wait for ever. One program at a time cannot; accelerators keep the order anyway.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    try:
        jax.distributed.initialize(**arguments)
    except (RuntimeError, ValueError) as error:
        raise RunFailure(f"the processes of this run do not meet: {' '.join(str(error).split())[:300]}") from error


def _arguments(environment: Mapping[str, str]) -> dict[str, Any] | None:
    """What `jax.distributed.initialize` has to be told, nothing where it finds out itself; None for one process."""
    given = [name for name in (COORDINATOR, PROCESSES, PROCESS) if name in environment]
    if given == [COORDINATOR] and environment[COORDINATOR] == "auto":
        return {}
    if given:
        return _told(environment)
    return {} if _started_together(environment) > 1 else None


def _told(environment: Mapping[str, str]) -> dict[str, Any] | None:
    missing = [name for name in (COORDINATOR, PROCESSES, PROCESS) if name not in environment]
    if missing:
        raise UserError(f"{' and '.join(missing)} missing; {COORDINATOR}, {PROCESSES} and {PROCESS} go together")
    processes, process = environment[PROCESSES], environment[PROCESS]
    if not (processes.isdecimal() and process.isdecimal() and int(process) < int(processes)):
        raise UserError(f"{PROCESS}={process} has to be a number from 0 to below {PROCESSES}={processes}")
    if int(processes) == 1:
        return None
    return {
        "coordinator_address": environment[COORDINATOR],
        "num_processes": int(processes),
        "process_id": int(process),
    }


def _started_together(environment: Mapping[str, str]) -> int:
    """The number of processes that a launcher known to JAX has started; 1 where there is none.

    Asked of the variables that JAX reads, since JAX itself would wait for others or refuse where there is one process.
    """
    if "SLURM_STEP_NODELIST" in environment:  # inside srun; a batch script by itself is one process
        return int(environment.get("SLURM_NTASKS", 1))
    if "OMPI_MCA_orte_hnp_uri" in environment:
        return int(environment.get("OMPI_COMM_WORLD_SIZE", 1))
    hosts = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES") or ""
    return len(hosts.split(",")) * int(environment.get("MEGASCALE_NUM_SLICES") or 1)
