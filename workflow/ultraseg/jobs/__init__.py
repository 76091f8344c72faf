"""One class per rule: what a job reads, what its script is told, and what it costs."""
