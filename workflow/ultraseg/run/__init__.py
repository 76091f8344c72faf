"""Around the jobs: what the rules ask, logs, the check before a run, costs, progress, verification, code hashes."""
