"""Linking of a volume of any depth: pieces, links and decisions in columns on disk, worked on block by block."""
