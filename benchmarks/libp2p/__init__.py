"""Benchmark of a libp2p node; see benchmarks/README.md."""
