"""Writes a network as a package of bioimage.io and tests it; in an environment of its own, without ultraseg.

python -P write_package.py FOLDER PACKAGE.zip   (FOLDER: as ``ultraseg.archive.model_package`` fills it)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

OPSET, IR_VERSION = 17, 8  # of ONNX: those that programs of 2023 and later read
FAILED, REFUSED, MISSING = 3, 4, 5
CLOSE = 1e-3  # absolute difference of probabilities from those of the workflow
SAME = {"same": "SAME_UPPER", "valid": "VALID"}  # names of the same padding in Keras and in ONNX


def output_of(layer: str) -> str:
    """The name of the output of a layer, which no input of the network has."""
    return f"layer/{layer}"


class Graph:
    """Nodes of ONNX, as they are made; tensors are (batch, channel, y, x) inside."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **settings: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **settings))

    def layer(self, told: dict[str, Any]) -> None:
        """Add the nodes of one layer."""
        inputs = [output_of(source) for source in told["inputs"]]
        getattr(self, f"_{told['kind']}")(output_of(told["name"]), inputs, told)

    def _weights(self, told: dict[str, Any]) -> list[Any]:
        found: list[Any] = []
        while f"{told['name']}.{len(found)}" in self.weights:
            found.append(self.weights[f"{told['name']}.{len(found)}"])
        return found

    def _InputLayer(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        self.add("Transpose", ["image"], name, perm=[0, 3, 1, 2])

    def _Rescaling(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        self.add("Mul", [inputs[0], self.constant(f"{name}.scale", told["scale"])], f"{name}.scaled")
        self.add("Add", [f"{name}.scaled", self.constant(f"{name}.offset", told["offset"])], name)

    def _Conv2D(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        # Keras: y, x, in, out. ONNX: out, in, y, x.
        kernel, *bias = self._weights(told)
        words = [inputs[0], self.constant(f"{name}.kernel", kernel.transpose(3, 2, 0, 1))]
        words += [self.constant(f"{name}.bias", b) for b in bias]
        self._activated("Conv", words, name, told, auto_pad=SAME[told["padding"]], strides=told["strides"])

    def _Conv2DTranspose(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        # Keras: y, x, out, in. ONNX: in, out, y, x. Keras cuts what is beyond stride x size from the far edges first.
        kernel, *bias = self._weights(told)
        beyond = [
            k - s if told["padding"] == "same" else 0
            for k, s in zip(kernel.shape, told["strides"], strict=False)
        ]
        pads = [n // 2 for n in beyond] + [n - n // 2 for n in beyond]
        words = [inputs[0], self.constant(f"{name}.kernel", kernel.transpose(3, 2, 0, 1))]
        words += [self.constant(f"{name}.bias", b) for b in bias]
        self._activated("ConvTranspose", words, name, told, pads=pads, strides=told["strides"])

    def _activated(
        self, kind: str, words: list[str], name: str, told: dict[str, Any], **settings: Any
    ) -> None:
        functions = {"linear": None, "sigmoid": "Sigmoid", "relu": "Relu"}
        function = functions[told["activation"]]
        self.add(kind, words, f"{name}.linear" if function else name, **settings)
        if function:
            self.add(function, [f"{name}.linear"], name)

    def _BatchNormalization(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        parts = ("gamma", "beta", "mean", "variance")
        words = [self.constant(f"{name}.{p}", v) for p, v in zip(parts, self._weights(told), strict=True)]
        self.add("BatchNormalization", [inputs[0], *words], name, epsilon=told["epsilon"])

    def _ReLU(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        self.add("Relu", inputs, name)

    def _MaxPooling2D(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        self.add("MaxPool", inputs, name, kernel_shape=told["pool_size"], strides=told["strides"])

    def _Add(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        self.add("Add", inputs, name)

    def _Concatenate(self, name: str, inputs: list[str], told: dict[str, Any]) -> None:
        self.add("Concat", inputs, name, axis=1)


def write_onnx(
    file: Path, layers: list[dict[str, Any]], weights: dict[str, Any], channels: tuple[int, int]
) -> None:
    """Write a network as ONNX: float32 (batch, y, x, channels) in and out. layers, weights: of ``networks.layers``."""
    import onnx
    from onnx import TensorProto, helper

    graph = Graph(weights)
    for told in layers:
        graph.layer(told)
    graph.add("Transpose", [output_of(layers[-1]["name"])], "maps", perm=[0, 2, 3, 1])
    shapes = [["batch", "y", "x", count] for count in channels]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in zip(("image", "maps"), shapes, strict=True)
    ]
    whole = helper.make_graph(graph.nodes, "network", ends[:1], ends[1:], graph.constants)
    model = helper.make_model(
        whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="ultraseg"
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, file)


def describe(facts: dict[str, Any], folder: Path) -> Any:
    """The description of the package (rdf.yaml). Raises ValidationError where the format refuses something."""
    from bioimageio.spec.common import FileDescr
    from bioimageio.spec.model import v0_5 as spec

    def axes(kind: str) -> list[Any]:
        names = [spec.Identifier(name) for name in facts[f"{kind}puts"]]
        made: list[Any] = [spec.BatchAxis()]
        for axis, nm in zip("yx", facts["pixel_nm"], strict=True):
            about: dict[str, Any] = {"id": spec.AxisId(axis), "scale": nm, "unit": "nanometer"}
            if kind == "in":
                size = spec.ParameterizedSize(min=facts["least"], step=facts["stride"])
                made.append(spec.SpaceInputAxis(size=size, **about))
            else:
                same = spec.SizeReference(tensor_id=spec.TensorId("image"), axis_id=spec.AxisId(axis))
                made.append(spec.SpaceOutputAxisWithHalo(size=same, halo=facts["halo"], **about))
        return [*made, spec.ChannelAxis(channel_names=names)]

    each_slice = (spec.AxisId("y"), spec.AxisId("x"))
    preprocessing = [
        spec.ZeroMeanUnitVarianceDescr(kwargs=spec.ZeroMeanUnitVarianceKwargs(axes=each_slice)),
        # Mean 128 and standard deviation 40; a half more, so that the next steps round to whole numbers.
        spec.ScaleLinearDescr(kwargs=spec.ScaleLinearKwargs(gain=40.0, offset=128.5)),
        spec.ClipDescr(kwargs=spec.ClipKwargs(min=0.0, max=255.99)),
        spec.EnsureDtypeDescr(kwargs=spec.EnsureDtypeKwargs(dtype="uint8")),
        spec.EnsureDtypeDescr(kwargs=spec.EnsureDtypeKwargs(dtype="float32")),
    ]
    image = spec.InputTensorDescr(
        id=spec.TensorId("image"),
        description="8-bit slices of electron microscopy; channels are neighbouring slices",
        axes=axes("in"),
        data=spec.IntervalOrRatioDataDescr(type="uint8", range=(0, 255)),
        test_tensor=FileDescr(source=folder / "test_input.npy"),
        preprocessing=preprocessing,
    )
    maps = spec.OutputTensorDescr(
        id=spec.TensorId("maps"),
        description="probabilities",
        axes=axes("out"),
        data=spec.IntervalOrRatioDataDescr(type="float32", range=(0.0, 1.0)),
        test_tensor=FileDescr(source=folder / "test_output.npy"),
    )
    weights = spec.WeightsDescr(
        keras_v3=spec.KerasV3WeightsDescr(
            source=folder / "weights.keras",
            keras_version=spec.Version(facts["keras"]),
            backend=(facts["backend"][0], spec.Version(facts["backend"][1])),
        ),
        onnx=spec.OnnxWeightsDescr(source=folder / "weights.onnx", opset_version=OPSET, parent="keras_v3"),
    )
    config = spec.Config(
        bioimageio=spec.BioimageioConfig(
            reproducibility_tolerance=[spec.ReproducibilityTolerance(absolute_tolerance=CLOSE)],
            modality="electron microscopy",
            task="semantic segmentation",
            target_structure=facts["structures"],
            architecture_type="residual U-Net",
        ),
        ultraseg=facts["card"],
    )
    return spec.ModelDescr(
        name=facts["name"],
        description=facts["description"],
        version=spec.Version(facts["version"]),
        authors=[spec.Author(**one) for one in facts["authors"]],
        license=facts["licence"],
        cite=[spec.CiteEntry(**one) for one in facts["cite"]],
        tags=["electron-microscopy", "segmentation", "unet", "2d", "ultraseg", *facts["structures"]],
        documentation=FileDescr(source=folder / "README.md"),
        covers=[FileDescr(source=folder / "cover.png")],
        attachments=[FileDescr(source=folder / "card.json")],
        inputs=[image],
        outputs=[maps],
        weights=weights,
        config=config,
    )


def main() -> int:
    os.environ["TQDM_DISABLE"] = "1"
    try:
        import onnxruntime  # noqa: F401 - the test needs it
        from bioimageio.core import test_model
        from bioimageio.spec import save_bioimageio_package
        from pydantic import ValidationError
    except ImportError as error:
        print(error)
        return MISSING

    folder, target = Path(sys.argv[1]), Path(sys.argv[2])
    facts = json.loads((folder / "facts.json").read_text())
    with np.load(folder / "weights.npz") as arrays:
        weights = dict(arrays)
    write_onnx(
        folder / "weights.onnx", facts["layers"], weights, (len(facts["inputs"]), len(facts["outputs"]))
    )
    try:
        described = describe(facts, folder)
    except ValidationError as error:
        # One message for each part of the description: for a licence there would be one for each way to give it.
        told = {one["loc"][0]: f"{one['loc'][0]}: {one['input']!r:.80}" for one in reversed(error.errors())}
        print("; ".join(told.values()))
        return REFUSED
    found = test_model(described, weight_format="onnx")
    if found.status != "passed":  # a package of the right form whose maps are others is "valid-format"
        wrong = [
            error.msg for detail in found.details if detail.status == "failed" for error in detail.errors
        ]
        print("; ".join(wrong) or found.format())
        return FAILED
    save_bioimageio_package(described, output_path=folder / "package.zip")
    target.write_bytes((folder / "package.zip").read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
