"""The card of a small network, with all that a card must tell."""

from typing import Any


def card_of(*channels: str, filters: list[int], **changes: Any) -> dict[str, Any]:
    """A card that the schema of cards takes; ``changes``: other values of its keys."""
    card = {
        "network": "n", "channels": list(channels), "downsample": 1, "z_context": 0, "thresholds": {},
        "voxel_size_nm": {"v": [8, 4, 4]},
        "windows": {"v": {"kind": "whole", "values": [0, 255], "dtype": "uint8"}},
        "settings": {"architecture": "resunet", "filters": list(filters)},
    }  # fmt: skip
    return card | changes
