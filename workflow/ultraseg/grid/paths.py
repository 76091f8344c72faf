"""The names of all files of a run, which are written nowhere else. Pure strings.

All paths are relative to the folder that Snakemake works in. A name may be a wildcard of Snakemake:
``VolumeFiles.of("{volume}")``.
"""

from __future__ import annotations

from dataclasses import dataclass

RESULTS = "results"
LOGS = "logs"
MODELS = f"{RESULTS}/models"
CHECKPOINTS = f"{MODELS}/checkpoints"
CHECKSUMS = f"{RESULTS}/checksums"
REMOTE = f"{RESULTS}/.remote"  # metadata of images that are read from a server
RUN_PAGE = f"{RESULTS}/run.html"
REPORT = f"{RESULTS}/report.zip"
IMAGE = "image.zarr"
METADATA = "zarr.json"


def metadata(array: str) -> str:
    """The file that says what an array or a group is."""
    return f"{array}/{METADATA}"


def shard_file(array: str, slab: int | str, ndim: int = 3) -> str:
    """The file of one slab of an array; ndim: 3 for (z, y, x), 4 for (z, channel, y, x)."""
    return "/".join([array, "c", str(slab), *["0"] * (ndim - 1)])


def log_file(rule: str, *wildcards: str) -> str:
    """The log of a job; wildcards: their values, none for a rule without wildcards."""
    return "/".join((LOGS, rule, *wildcards)) + ".log"


def benchmark_file(rule: str, *wildcards: str) -> str:
    """The file with time and memory of a job; wildcards: as in ``log_file``."""
    return "/".join((LOGS, rule, *wildcards)) + ".tsv"


@dataclass(frozen=True)
class VolumeFiles:
    """The files of one volume in ``folder``: ``results/NAME``, or that folder of a run elsewhere."""

    folder: str

    @classmethod
    def of(cls, volume: str) -> VolumeFiles:
        """The files of a volume of this run."""
        return cls(f"{RESULTS}/{volume}")

    # ---- image and labels
    @property
    def image(self) -> str:
        """The OME-Zarr group with the image's levels and the labels."""
        return f"{self.folder}/{IMAGE}"

    def image_level(self, level: int | str = 0) -> str:
        """The array of one pyramid level of the image."""
        return f"{self.image}/{level}"

    @property
    def label_images(self) -> str:
        """The group of all label images."""
        return f"{self.image}/labels"

    def labels(self, structure: str) -> str:
        """The group of one structure's final labels."""
        return f"{self.label_images}/{structure}"

    def labels_level(self, structure: str, level: int | str = 0) -> str:
        """The array of one pyramid level of a structure's final labels."""
        return f"{self.labels(structure)}/{level}"

    # ---- results for people
    def table(self, name: str, suffix: str = "parquet") -> str:
        """A table for people: parquet or csv."""
        return f"{self.folder}/tables/{name}.{suffix}"

    def figure(self, name: str) -> str:
        """A figure; name: with its suffix."""
        return f"{self.folder}/figures/{name}"

    def page(self, name: str) -> str:
        """A page of the report."""
        return f"{self.folder}/pages/{name}.html"

    @property
    def metrics(self) -> str:
        """The table of scores."""
        return f"{self.folder}/metrics.csv"

    @property
    def summary(self) -> str:
        """The scores as text, with what to do next."""
        return f"{self.folder}/summary.txt"

    @property
    def viewer(self) -> str:
        """The folder of the viewer's pages."""
        return f"{self.folder}/viewer"

    def meshes(self, structure: str) -> str:
        """The folder of one structure's surfaces."""
        return f"{self.folder}/meshes/{structure}"

    # ---- between the stages
    @property
    def work(self) -> str:
        """The folder of all intermediate files."""
        return f"{self.folder}/work"

    @property
    def window(self) -> str:
        """The window of grey values, where it is measured."""
        return f"{self.work}/window.json"

    def quality(self, slab: int | str) -> str:
        """The statistics of the slices of one slab."""
        return f"{self.work}/quality/{slab}.parquet"

    def checked_labels(self, structure: str, corrected: bool = False) -> str:
        """The user's labels of one structure after the check, with corrections where there are any."""
        return f"{self.work}/labels/{structure}{'.corrected' if corrected else ''}.h5"

    def checked_planes(self, structure: str, plane: str) -> str:
        """The user's labels of one structure on planes across the slices after the check; plane: xz or yz."""
        return f"{self.work}/labels/{structure}.{plane}.h5"

    def coverage(self, structure: str, corrected: bool = False) -> str:
        """The table of what the labelled slices of one structure show."""
        return f"{self.work}/labels/{structure}{'.corrected' if corrected else ''}.csv"

    def label_fit(self, structure: str) -> str:
        """How well the labels fit their own and the neighbouring slices."""
        return f"{self.work}/labels/{structure}.fit.csv"

    def probability(self, network: str) -> str:
        """The array of a network's maps."""
        return f"{self.work}/probability/{network}"

    def device(self, network: str, slab: int | str) -> str:
        """The record of the device that predicted one slab."""
        return f"{self.work}/devices/{network}/{slab}.json"

    def slab_objects(self, structure: str, slab: int | str) -> str:
        """Objects of one slab before objects of neighbouring slabs are joined."""
        return f"{self.work}/objects/{structure}/{slab}.npz"

    def objects(self, structure: str) -> str:
        """The final id of every object of every slab."""
        return f"{self.work}/objects/{structure}.npz"

    @property
    def flow(self) -> str:
        """The array of the optical flow."""
        return f"{self.work}/flow"

    @property
    def cuts(self) -> str:
        """The array of the cuts between cells along all three axes, in bricks of slices."""
        return f"{self.work}/cuts"

    @property
    def method(self) -> str:
        """Which method carries ids through this volume, and how well each did where both were tried."""
        return f"{self.work}/method.json"

    def tried(self, method: str, gap: str) -> str:
        """The ids that one method carried through a gap, to compare it with the other method."""
        return f"{self.work}/tried/{method}/{gap}.h5"

    @property
    def propagated_folder(self) -> str:
        """The folder of the ids that were carried through gaps."""
        return f"{self.work}/propagated"

    def propagated(self, gap: str) -> str:
        """The ids that were carried through one gap; gap: its name."""
        return f"{self.propagated_folder}/{gap}.h5"

    def carried(self, gap: str, direction: str) -> str:
        """The ids that arrive at the far end of a gap; direction: up or down."""
        return f"{self.work}/carried/{gap}.{direction}.h5"

    @property
    def pieces(self) -> str:
        """The array of the 2D pieces of cells."""
        return f"{self.work}/pieces"

    def piece_table(self, slab: int | str) -> str:
        """The table of the pieces of one slab."""
        return f"{self.pieces}/tables/{slab}.parquet"

    def edges(self, slab: int | str) -> str:
        """Overlaps of pieces in neighbouring slices."""
        return f"{self.work}/edges/{slab}.parquet"

    def link(self, name: str) -> str:
        """A table of linking: nodes, protrusions or ids."""
        return f"{self.work}/link/{name}.parquet"

    def measures(self, slab: int | str, kind: str) -> str:
        """Measures of one slab: labels, contacts or joint."""
        return f"{self.work}/measures/{slab}.{kind}.parquet"


@dataclass(frozen=True)
class NetworkFiles:
    """The files of one network."""

    name: str

    @property
    def tiles(self) -> str:
        """The tiles that the network learns from."""
        return f"{MODELS}/{self.name}.tiles.h5"

    def model(self, suffix: str = "keras") -> str:
        """The network itself: keras, tflite or int8.tflite."""
        return f"{MODELS}/{self.name}.{suffix}"

    @property
    def card(self) -> str:
        """What the network was trained on, how, and how well it does."""
        return f"{MODELS}/{self.name}.json"

    @property
    def proof(self) -> str:
        """The comparison of the network in 8-bit integers with the network itself, on validation slices."""
        return f"{MODELS}/{self.name}.int8.json"

    @property
    def history(self) -> str:
        """The losses of every epoch."""
        return f"{MODELS}/{self.name}.history.csv"

    @property
    def checkpoint(self) -> str:
        """The folder of the state of a training that goes on."""
        return f"{CHECKPOINTS}/{self.name}"

    def figure(self, name: str) -> str:
        """A figure of the network; name: without suffix."""
        return f"{MODELS}/{self.name}.{name}.png"
