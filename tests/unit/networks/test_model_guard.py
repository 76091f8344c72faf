"""Network files that would grow beyond measure, or are no networks of ours, are refused before Keras sees them."""

import io
import json
import resource
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.networks.architecture import build_network, load_network
from ultraseg.networks.export import export_network
from ultraseg.networks.model_file import embed_card, read_card
from ultraseg.networks.model_guard import check_network_file


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    file = tmp_path_factory.mktemp("sound") / "m.keras"
    export_network(
        build_network("resunet", 3, 2, filters=(4, 8)), file, architecture="resunet", filters=(4, 8)
    )
    return file


def remade(sound, to, **members):
    """The same file with other members; a member may be bytes, or a function of what it was."""
    with zipfile.ZipFile(sound) as before, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            change = members.get(name.replace(".", "_"), lambda same: same)
            after.writestr(name, change(content) if callable(change) else change)
    return to


def config(change):
    def changed(content):
        told = json.loads(content)
        change(told)
        return json.dumps(told).encode()

    return {"config_json": changed}


def layer(kind):
    return lambda told: next(x for x in told["config"]["layers"] if x["class_name"] == kind)["config"]


def hdf5(write):
    with h5py.File(buffer := io.BytesIO(), "w") as file:
        write(file)
    return {"model_weights_h5": buffer.getvalue()}


@pytest.mark.parametrize("architecture", ["resunet", "resunet_paper"])
@pytest.mark.parametrize("filters", [(4, 8, 6), (1, 1, 1, 64), (64, 1, 1), (16, 32, 64, 128)])
def test_networks_of_ours_pass(tmp_path, architecture, filters):
    model = build_network(architecture, 9, 40, filters=filters)
    export_network(model, tmp_path / "m.keras", architecture=architecture, filters=filters)
    check_network_file(tmp_path / "m.keras")
    check_network_file(remade(tmp_path / "m.keras", tmp_path / "packed.keras"))


CASES = {
    "many filters": (config(lambda t: layer("Conv2D")(t).update(filters=4096)), "ask for up to"),
    "absurd filters": (config(lambda t: layer("Conv2D")(t).update(filters=10**9)), "size 1000000000"),
    "no filters": (config(lambda t: layer("Conv2D")(t).update(filters=0)), "size 0"),
    "filters in words": (config(lambda t: layer("Conv2D")(t).update(filters="8")), "size 8"),
    "large kernel": (config(lambda t: layer("Conv2D")(t).update(kernel_size=[1000, 1000])), "size 1000"),
    "another layer": (config(lambda t: t["config"]["layers"][2].update(class_name="Dense")), "class Dense"),
    "code": (config(lambda t: t["config"]["layers"][2].update(class_name="Lambda")), "class Lambda"),
    "another class": (config(lambda t: t.update(class_name="Sequential")), "class Sequential"),
    "two inputs": (config(lambda t: t["config"]["layers"].append(t["config"]["layers"][0])), "not one input"),
    "many layers": (config(lambda t: t["config"].update(layers=t["config"]["layers"] * 500)), "layers"),
    "no layers": (config(lambda t: t["config"].pop("layers")), "layers"),
    "no table": ({"config_json": b"[]"}, "cannot be loaded"),
    "no JSON": ({"config_json": b"{"}, "cannot be loaded"),
    "deep JSON": ({"config_json": b"[" * 10**5}, "cannot be loaded"),
    "large JSON": ({"config_json": b" " * 2**25}, "more than 16777216 bytes"),
    "large metadata": ({"metadata_json": b" " * 2**25}, "metadata.json would have"),
    "no weights": ({"model_weights_h5": b""}, "cannot be loaded"),
    "large weights": ({"model_weights_h5": bytes(2**27)}, "would become 134217728"),
    "weights of nothing": (hdf5(lambda f: f.create_dataset("x", (2**33,), "f4", chunks=(9,))), "become 34359738368"),
    "weights elsewhere": (hdf5(lambda f: f.create_dataset("x", (9,), "u1", external=[("/a", 0, 9)])), "other files"),
    "weights by a link": (hdf5(lambda f: f.__setitem__("x", h5py.ExternalLink("/etc/x.h5", "x"))), "a link"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_grows_or_is_no_network_of_ours_is_refused(tmp_path, sound, case):
    members, words = CASES[case]
    file = remade(sound, tmp_path / "m.keras", **members)
    for read in (check_network_file, load_network):
        with pytest.raises(UserError, match="m.keras: this network cannot be loaded") as caught:
            read(file)
        assert words in caught.value.problem and "\n" not in caught.value.problem


def test_damaged_archives_are_refused(tmp_path, sound):
    content = sound.read_bytes()
    for number, part in enumerate((b"", b"text", content[: len(content) // 2], content[len(content) // 2 :])):
        (tmp_path / f"{number}.keras").write_bytes(part)
        with pytest.raises(UserError, match="cannot be loaded"):
            check_network_file(tmp_path / f"{number}.keras")


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = build_network("resunet", 1, 1, filters=(4, 8))
    for value in (np.nan, np.inf):
        weights = model.get_weights()
        weights[3].flat[0] = value
        model.set_weights(weights)
        export_network(model, tmp_path / "m.keras", architecture="resunet", filters=(4, 8))
        with pytest.raises(
            UserError, match=r"m.keras: 1 of its \d+ arrays of weights hold values that are no numbers"
        ):
            load_network(tmp_path / "m.keras")


def test_a_card_that_grows_is_refused_in_little_memory(tmp_path, sound):
    """A card of a megabyte that would take a gigabyte, in a process that may take no more than half of one."""
    file = remade(sound, tmp_path / "m.keras")
    with (
        zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("ultraseg.json", "w") as card,
    ):
        for _ in range(1000):
            card.write(b"[" + b" " * 10**6)
    assert file.stat().st_size < 2e6
    code = (
        "import sys; from ultraseg.networks.model_file import read_card; from ultraseg.base.errors import UserError\n"
        "try:\n    read_card(sys.argv[1])\nexcept UserError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29)),
    )  # fmt: skip
    assert (
        "does not say what the network was trained on (its member ultraseg.json has more than" in done.stdout
    )


@pytest.mark.parametrize("content", [b"[" * 10**5, b"\xff", b"", b"NaN", b"9" * 5000])
def test_cards_that_are_no_json_are_refused(tmp_path, sound, content):
    file = remade(sound, tmp_path / "m.keras")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("ultraseg.json", content)
    with pytest.raises(UserError, match="m.keras: this file does not say what"):
        read_card(file)


def test_encrypted_members_are_refused(tmp_path, sound):
    file = remade(sound, tmp_path / "m.keras")
    embed_card(file, {"a": 1})
    content = bytearray(file.read_bytes())
    for start in (b"PK\x01\x02", b"PK\x03\x04"):
        flags = content.rindex(start) + (8 if start[2] == 1 else 6)
        content[flags] |= 1  # says that the member is encrypted
    file.write_bytes(content)
    with pytest.raises(UserError, match="m.keras: this file does not say what"):
        read_card(file)
