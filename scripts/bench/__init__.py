"""The parts of `scripts/bench_pretrain`."""
