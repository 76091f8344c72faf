"""Maps of a slab from a network: tiles, blending, 8-bit integers."""
