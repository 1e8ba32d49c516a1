"""A worker that does the same updates in PyTorch: `TORCH_PYTHON scripts/bench/peer.py FILE eager|compile THREADS`.

FILE is what `scripts.bench.ours --save` wrote. Imports nothing of this repository, for PyTorch lives elsewhere.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

FIRST = 3


class Block(nn.Module):
    """Pre-norm block with joint attention."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mlp = (nn.LayerNorm(width, eps=1e-6) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """As `pretrain.encoders.blocks.Block`."""
        b, n, d = x.shape
        q, k, v = self.qkv(self.before_attention(x)).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d))
        return x + self.down(F.gelu(self.up(self.before_mlp(x)), approximate="tanh"))


class Encoder(nn.Module):
    """Clips to the values of the pairwise head."""

    def __init__(self, saved: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.tubelet = tuple(int(n) for n in saved["tubelet"])
        depth, width, hidden = saved["encoder/blocks/up/kernel"].shape
        cells, pixels = saved["encoder/position"].shape[0], saved["encoder/embed/kernel"].shape[0]
        self.embed = nn.Linear(pixels, width)
        self.position = nn.Parameter(torch.zeros(cells, width))
        self.blocks = nn.ModuleList(Block(width, int(saved["heads"]), hidden) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.look = nn.Parameter(torch.zeros(cells, width))
        self.head = nn.Parameter(torch.zeros(*saved["pairwise"].shape))

    def forward(self, clips: Tensor) -> Tensor:
        """As `pretrain.encoders.vit.VideoViT`, then the head."""
        b, frames, height, rows, c = clips.shape
        t, h, w = self.tubelet
        x = clips.view(b, frames // t, t, height // h, h, rows // w, w, c).permute(0, 1, 3, 5, 2, 4, 6, 7)
        x = self.embed(x.reshape(b, -1, t * h * w * c)) + self.position
        for block in self.blocks:
            x = block(x)
        return (self.norm(x) * self.look).sum(1) @ self.head


def load(model: Encoder, saved: dict[str, np.ndarray]) -> None:
    """The same parameters; kernels lie the other way round here."""

    def take(linear: Any, name: str, at: int | None = None) -> None:
        for ours, theirs in (("weight", "kernel" if isinstance(linear, nn.Linear) else "scale"), ("bias", "bias")):
            value = saved[f"encoder/{name}/{theirs}"]
            getattr(linear, ours).copy_(torch.from_numpy((value if at is None else value[at]).T))

    names = {
        "before_attention": "attention/norm",
        "qkv": "attention/qkv",
        "out": "attention/out",
        "before_mlp": "norm",
        "up": "up",
        "down": "down",
    }
    with torch.no_grad():
        take(model.embed, "embed")
        take(model.norm, "norm")
        for at, block in enumerate(model.blocks):
            for ours, theirs in names.items():
                take(getattr(block, ours), f"blocks/{theirs}", at)
        model.position.copy_(torch.from_numpy(saved["encoder/position"]))
        model.look.copy_(torch.from_numpy(saved["encoder/look"]))
        model.head.copy_(torch.from_numpy(saved["pairwise"]))


def pairwise_loss(values: Tensor, measures: Tensor, known: Tensor, rank_weight: float) -> Tensor:
    """As `pretrain.objectives.pairwise.pairwise_loss`."""
    predicted = values[:, :, None] - values[:, None]
    pairs = known[:, :, None] & known[:, None] & ~torch.eye(known.shape[1], dtype=torch.bool)[:, :, None]
    wanted = torch.where(pairs, measures[:, :, None] - measures[:, None], 0.0)
    rank = wanted.abs() * F.softplus(-wanted.sign() * predicted)
    loss = F.huber_loss(predicted, wanted, reduction="none") + rank_weight * rank
    return torch.where(pairs, loss, 0.0).sum() / pairs.sum().clamp(min=1)


def stepper(saved: dict[str, np.ndarray], compiled: bool) -> Callable[[], float]:
    """Something that does the next update when called and returns the loss before it."""
    model = Encoder(saved)
    load(model, saved)
    clips, measures, known = (torch.from_numpy(saved[name]) for name in ("clips", "measures", "known"))
    matrices = [p for n, p in model.named_parameters() if p.ndim > 1 and n != "position"]
    others = [p for p in model.parameters() if all(p is not m for m in matrices)]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": float(saved["weight_decay"])}, {"params": others, "weight_decay": 0.0}],
        betas=(0.9, 0.95),
        fused=True,
    )
    rates, clip_norm, rank_weight = saved["rates"].tolist(), float(saved["clip_norm"]), float(saved["rank_weight"])

    def loss_of(clips: Tensor) -> Tensor:
        return pairwise_loss(model(clips).view(*measures.shape), measures, known, rank_weight)

    run = torch.compile(loss_of) if compiled else loss_of
    done = 0

    def step() -> float:
        nonlocal done
        for group in optimizer.param_groups:
            group["lr"] = rates[min(done, len(rates) - 1)]
        optimizer.zero_grad(set_to_none=True)
        loss = run(clips)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm, foreach=True)
        optimizer.step()
        done += 1
        return loss.item()

    return step


def main() -> None:
    file, how, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    with np.load(file) as archive:
        step = stepper(dict(archive), how == "compile")
    losses = [step() for _ in range(FIRST)]
    print(json.dumps({"losses": losses, "version": torch.__version__}), flush=True)
    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            step()
        took = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
