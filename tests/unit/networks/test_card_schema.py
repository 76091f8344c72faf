"""Cards of networks from elsewhere: what no network of ours says is refused, and named."""

import copy
import json

import pytest
from ultraseg.networks.card_schema import faults_of_card
from ultraseg.networks.devices import Device

CARD = {
    "network": "detail", "channels": ["membrane", "cells/interior", "cells/boundary", "cells/cut_y1"],
    "downsample": 2, "z_context": 1, "voxel_size_nm": {"old": [8, 4, 4.0]},
    "windows": {"old": {"kind": "whole", "values": [0, 255], "dtype": "uint8"}},
    "thresholds": {"membrane": 0.5, "cells/interior": 1.0}, "settings": {"architecture": "resunet", "filters": [4, 8]},
}  # fmt: skip


def changed(path, value):
    card = copy.deepcopy(CARD)
    *above, last = path.split("/") if "//" not in path else path.split("//")
    place = card
    for key in above:
        place = place[key]
    place[last] = value
    return card


def test_cards_of_our_networks_are_right():
    assert not faults_of_card(CARD)
    assert not faults_of_card(changed("settings/filters", None))  # the filters of the architecture
    assert not faults_of_card(CARD | {"device": {
        "kind": "cpu", "count": 1, "names": ["x"], "driver": None, "framework": "y", "threads": 2, "precision": "z",
    }})  # fmt: skip


@pytest.mark.parametrize("key", sorted({*CARD} - {"network"}))
def test_what_is_lacking_is_named(key):
    assert faults_of_card({k: v for k, v in CARD.items() if k != key}) == [f"it does not tell {key}"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *[("z_context", value) for value in (-1, 5, 10**9, 1.5, "1", None, True, [1], {})],
        *[("downsample", value) for value in (0, -2, 33, 0.5, "2", None, False)],
        *[("settings/filters", value) for value in ([0, 8], [-4, 8], [4], [4] * 9, [4, 10**9], [4, "8"], "4", 8)],
        *[("settings/architecture", value) for value in ("unet", None, 3, ["resunet"], {})],
        *[("settings", value) for value in (None, [], {}, "resunet")],
        *[("thresholds/membrane", value) for value in ("0.5", None, -0.1, 1.01, float("nan"), [0.5], True)],
        *[("thresholds", value) for value in (None, [], 0.5)],
        *[("channels", value) for value in ([], ["a", "a"], [1], "membrane", None, ["../x"], ["<b>"], ["a"] * 300)],
        *[("voxel_size_nm", value) for value in ({}, {"old": [4, 4]}, {"old": [0, 4, 4]}, {"old": [4, 4, "4"]}, [4])],
        *[("voxel_size_nm/old", value) for value in ([4, 4, -4], [4, 4, float("inf")], [4, 4, 1e300], None)],
        *[("windows", value) for value in ({}, [], None, {"old": None}, {"old": {}}, {"old": {"kind": "whole"}})],
        *[("windows/old/kind", value) for value in ("all", None, ["whole"])],
        *[("windows/old/values", value) for value in ([0], [0, 1, 2], ["0", 255], [0, float("nan")], None)],
        *[("network", value) for value in (3, None, "x" * 100)],
        *[("device", value) for value in (None, [], {}, {"kind": "cpu"})],
    ],
)  # fmt: skip
def test_what_no_network_of_ours_says_is_refused(path, value):
    faults = faults_of_card(changed(path, value))
    assert faults and all(len(fault) < 400 for fault in faults)
    assert path.split("/")[0] in faults[0] or "NaN" in faults[0]


@pytest.mark.parametrize("card", [None, [], 3, "card", [CARD], json.loads("[" * 500 + "]" * 500)])
def test_what_is_no_card_is_refused(card):
    assert faults_of_card(card)


def test_the_record_of_our_devices_is_right():
    device = Device("gpu", ("A100", "A100"), (40960, 40960), 8.0, "550", "tensorflow 2", 4)
    record = device.record("float32")
    assert not faults_of_card(CARD | {"device": json.loads(json.dumps(record, default=list))})
