"""`wince pretrain`: from clips to an encoder."""

from pathlib import Path
from typing import Any

from pipelines.progress import progress
from pipelines.run_folder import open_run
from pretrain.clips.dataset import open_clips
from pretrain.config import PretrainConfig
from pretrain.training.loop import pretrain


def run_pretraining(config: PretrainConfig, *, clips: Path, out: Path) -> int:
    """Trains, or goes on where the same command stopped; prints the log and returns the exit code."""
    open_clips(clips)
    open_run(out, config, clips=clips)
    with progress("pretrain", config.steps) as meter:

        def report(row: dict[str, Any]) -> None:
            meter.line(describe(row))
            if "loss" in row:
                rate = f"{row['clips_per_second']:.0f} clips/s, waiting for data {row['data_wait']:.0%}"
                meter.update(row["step"], rate)

        pretrain(config, clips, out, report=report, say=meter.line)
    print(f"encoder of step {config.steps}: {out}")
    return 0


def describe(row: dict[str, Any]) -> str:
    """One log row as a line of text."""
    shown = {k.removeprefix("eval/"): v for k, v in row.items() if k not in ("step", "clips_per_second", "data_wait")}
    values = "  ".join(f"{k} {v:.3g}" if v is not None else f"{k} undefined" for k, v in shown.items())
    return f"step {row['step']:>6}  {values}"
