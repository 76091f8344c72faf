"""What the comparison with other programs consists of; `benchmarks/compare_peers.py` runs it."""
