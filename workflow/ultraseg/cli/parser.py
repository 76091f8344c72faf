"""What can be typed after ``ultraseg``: commands, their options and their help pages. Imports nothing heavy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from ultraseg import __version__
from ultraseg.exchange.formats import FORMATS

PAGE = """\
Cells, organelles and protrusions in 3D electron microscopy, from labels on a few slices.

The analysis itself is started with Snakemake:  snakemake --configfile my.yaml
The commands here do what comes before and after it.

before a run:
  check       reads images and labels, and says what is wrong with them and what the run will cost
  cut         cuts a box out of a public volume, as TIFF slices and labels
  phantom     writes a synthetic tissue with labels and known truth, to try things on
  label       opens a volume in napari to label slices, or to correct what a run made of them

while it runs:
  status      tells how far the run is, and what failed

with the results:
  view        shows a volume in the browser: image, labels, and cells in 3D
  napari      shows a volume in napari
  export      writes labels as TIFF slices, as a stack for ImageJ, for webKnossos, or as OME-Zarr 0.4
  proofread   gives out slices to correct by hand, and takes them in again
  annotation  takes a volume annotation of webKnossos in, as labels or corrections
  crate       describes a run for an archive, as a RO-Crate
  bioimageio  writes the trained networks as packages for bioimage.io and the programs that read these
  compare     compares two runs of a volume, or two label volumes: scores, changed objects, a picture

Each command explains itself, with an example:  ultraseg COMMAND --help
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and names the nearest word that would be right."""

    def __init__(self, *args: Any, **how: Any) -> None:
        how["formatter_class"] = argparse.RawDescriptionHelpFormatter  # pages and examples keep their lines
        super().__init__(*args, **how)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        given, left = super().parse_known_args(args, namespace)
        if left:
            options = [option for option in left if option.startswith("-")] or left
            known = [option for option in self._option_string_actions if option.startswith("--")]
            word = options[0].partition("=")[0]
            self.error(f"{word}: no such option{nearest(word, known)}")
        return given, left

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            name = action.metavar or action.dest
            known = [str(choice) for choice in action.choices]
            self.error(
                f"{value}: no such {str(name).lower()}{nearest(value, known)}. There are {', '.join(known)}"
            )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n  Cure: {self.prog} --help lists what can be typed.\n")


def nearest(typed: str, known: Sequence[str]) -> str:
    """A question where a known word is like the typed one; else nothing."""
    close = get_close_matches(typed, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def parser() -> Parser:
    """The parser of the whole command line; ``command`` of its result is the command's name."""
    whole = Parser(prog="ultraseg", usage="ultraseg COMMAND [options]", description=PAGE)
    whole.add_argument(
        "--version", action="version", version=f"ultraseg {__version__} ({Path(__file__).parents[2]})"
    )
    commands = whole.add_subparsers(
        prog="ultraseg", dest="command", metavar="COMMAND", help=argparse.SUPPRESS
    )
    for add in (
        _check,
        _cut,
        _phantom,
        _status,
        _view,
        _napari,
        _label,
        _export,
        _proofread,
        _annotation,
        _crate,
        _bioimageio,
        _compare,
    ):
        add(commands)
    return whole


# ---------------------------------------------------------------- options that several commands have
def _run_folder() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--directory",
        default=".",
        metavar="FOLDER",
        help="folder that the run was made in (default: this one)",
    )
    return shared


def _one_volume() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, parents=[_run_folder()])
    shared.add_argument("--volume", metavar="NAME", help="which volume, where the run has several")
    return shared


def _configuration() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--configfile", required=True, metavar="FILE", help="configuration of the run")
    shared.add_argument(
        "--data-root", metavar="FOLDER", help="in place of the data_root of the configuration"
    )
    return shared


def _add(commands: Any, name: str, what: str, example: str, *parents: argparse.ArgumentParser) -> Parser:
    """A command with one line for the lists, its help page and the example at the end of that page."""
    example = re.sub(r"^", "  ", example, flags=re.M)
    made: Parser = commands.add_parser(
        name, description=what, epilog=f"example:\n{example}", parents=list(parents)
    )
    return made


# ---------------------------------------------------------------- one function per command
def _check(commands: Any) -> None:
    _add(
        commands,
        "check",
        "Read headers, labels and configuration, and print every problem with its cure, and the disk, memory, jobs\n"
        "and hours of the run. Nothing is written. The configuration is read as data: where `snakemake check` would\n"
        "run code that stands in a configuration from others, this command refuses the file.",
        "ultraseg check --configfile my.yaml",
        _configuration(),
        _run_folder(),
    )


def _cut(commands: Any) -> None:
    cut = _add(
        commands,
        "cut",
        "Cut a box out of a public volume (HDF5 or Zarr, also on S3): one TIFF per slice, and labels on some of them.",
        "ultraseg cut public/raw.h5:raw --labels cells=public/ids.h5:stack --every 10 --z 0 120 --to data/fib25",
    )
    cut.add_argument(
        "image",
        metavar="SOURCE",
        help="FILE.h5:DATASET, or folder or address of a Zarr array (s3://..., https://...)",
    )
    cut.add_argument(
        "--to",
        required=True,
        type=Path,
        metavar="FOLDER",
        help="gets image/, one folder per structure, and truth/",
    )
    cut.add_argument(
        "--labels", action="append", default=[], metavar="NAME=SOURCE",
        help="labels of a structure; may be given several times",
    )  # fmt: skip
    cut.add_argument(
        "--every",
        type=int,
        default=10,
        metavar="N",
        help="labels of every Nth slice, and of the last (default: 10)",
    )
    cut.add_argument(
        "--truth", action="store_true", help="the labels of all slices as well, for scoring alone"
    )
    for axis in "zyx":
        cut.add_argument(
            f"--{axis}",
            type=int,
            nargs=2,
            metavar=("START", "STOP"),
            help="part along this axis (default: all)",
        )


def _phantom(commands: Any) -> None:
    phantom = _add(
        commands,
        "phantom",
        "Write a synthetic tissue as a user would bring it: TIFF slices, labels on some of them, and the known truth.",
        "ultraseg phantom data/phantom --shape 64 512 512 --label-slices 0 16 32 48 63",
    )
    phantom.add_argument("folder", metavar="FOLDER", help="gets image/, labels/ and truth/")
    phantom.add_argument(
        "--shape",
        type=int,
        nargs=3,
        default=(64, 512, 512),
        metavar=("Z", "Y", "X"),
        help="slices, rows, columns",
    )
    phantom.add_argument(
        "--label-slices",
        type=int,
        nargs="*",
        default=[],
        metavar="Z",
        help="slices that get labels (default: none)",
    )
    phantom.add_argument("--seed", type=int, default=1, help="another seed makes another tissue (default: 1)")
    phantom.add_argument(
        "--difficulty", type=float, default=0.5, help="0 to 1: fainter membranes, more noise (default: 0.5)"
    )
    phantom.add_argument(
        "--scale", type=float, default=1.0, help="factor on the size of all structures (default: 1)"
    )


def _status(commands: Any) -> None:
    status = _add(
        commands,
        "status",
        "Tell how far a run is: jobs done, running, queued and failed by stage, and the time left. Only files are\n"
        "read, so it can be called from another shell or computer.",
        "ultraseg status --directory runs/demo --watch",
        _run_folder(),
    )
    status.add_argument("--watch", action="store_true", help="again every few seconds, until the run ends")


def _port(word: str) -> int:
    """A port, as ``type`` of an option."""
    if not word.isdecimal() or not 0 <= int(word[:6]) <= 65535 or len(word) > 5:
        raise argparse.ArgumentTypeError(f"{word}: a port is a number from 0 to 65535")
    return int(word)


def _view(commands: Any) -> None:
    view = _add(
        commands,
        "view",
        "Show a volume in the browser, also through SSH: the address and the tunnel to type are printed.",
        "ultraseg view --directory runs/demo --volume demo",
        _one_volume(),
    )
    view.add_argument("--port", type=_port, default=0, help="port to listen at (default: a free one)")
    view.add_argument(
        "--bind",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen at (default: this computer only)",
    )
    view.add_argument(
        "--token",
        metavar="WORD",
        help="secret word in the address, 16 characters or more (default: a new one)",
    )
    view.add_argument("--no-browser", action="store_true", help="only print the address")


def _napari(commands: Any) -> None:
    napari = _add(
        commands,
        "napari",
        "Show a volume in napari. `make napari` installs it.",
        "ultraseg napari --directory runs/demo",
        _one_volume(),
    )
    napari.add_argument("--python", metavar="FILE", help="a Python that has napari, zarr 3 and dask")


def _saved_to(parser: Parser) -> None:
    """The option for where slices that people labelled are saved."""
    parser.add_argument(
        "--to",
        choices=("labels", "corrections"),
        metavar="PLACE",
        help="labels or corrections (default: corrections, where the volume has a folder for them)",
    )


def _label(commands: Any) -> None:
    label = _add(
        commands,
        "label",
        "Label slices in napari: before the first run, and after a run the slices that it advises, with its results\n"
        "as a start. Finished slices are saved as labels of the volume, or as corrections. `make napari` installs\n"
        "napari.",
        "ultraseg label --configfile my.yaml",
        _configuration(),
        _one_volume(),
    )
    label.add_argument("--structures", nargs="+", metavar="NAME", help="structures to label (default: all)")
    _saved_to(label)
    label.add_argument("--python", metavar="FILE", help="a Python that has napari, zarr 3 and dask")


def _export(commands: Any) -> None:
    export = _add(
        commands,
        "export",
        "Write results for other software. Formats:\n"
        + "\n".join(f"  {name:21} {what}" for name, what in FORMATS.items()),
        "ultraseg export slices --directory runs/demo\n"
        "ultraseg export stack --directory runs/demo --structures image cells --to ~/for_imagej",
        _one_volume(),
    )
    export.add_argument("format", choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    export.add_argument(
        "--structures", nargs="+", metavar="NAME", help="'image' or structures (default: all structures)"
    )
    export.add_argument(
        "--to", metavar="FOLDER", help="folder to write to (default: export/VOLUME in the folder of the run)"
    )
    export.add_argument(
        "--dataset",
        metavar="NAME",
        help="of an annotation: the dataset in webKnossos that it belongs to (default: the name of the volume)",
    )


def _proofread(commands: Any) -> None:
    proofread = _add(
        commands,
        "proofread",
        "Correct results by hand: slices go out as TIFF stacks for ImageJ or napari, and come back as labels, from\n"
        "which the run goes on.\n\n"
        "  export   writes image, labels and outlines of some slices to proofread/VOLUME\n"
        "  import   takes the edited slices to the folder of corrections",
        "ultraseg proofread export --configfile my.yaml --slices 12 40-42\n"
        "ultraseg proofread import --configfile my.yaml",
    )
    actions = proofread.add_subparsers(dest="action", metavar="ACTION", required=True, help=argparse.SUPPRESS)
    export = _add(
        actions,
        "export",
        "Write image, labels and outlines of some slices to proofread/VOLUME in the folder of the run.",
        "ultraseg proofread export --configfile my.yaml --slices 12 40-42",
        _configuration(),
        _one_volume(),
    )
    export.add_argument(
        "--slices",
        nargs="+",
        required=True,
        metavar="Z",
        help="slices, counted from 0 in the stack: 12 20-30",
    )
    export.add_argument("--structures", nargs="+", metavar="NAME", help="default: the cells, or else all")
    taken = _add(
        actions,
        "import",
        "Take the edited slices of proofread/VOLUME to the folder of corrections that the configuration names.",
        "ultraseg proofread import --configfile my.yaml",
        _configuration(),
        _one_volume(),
    )
    taken.add_argument(
        "--all", action="store_true", help="slices that were not edited as well: they are right"
    )


def _annotation(commands: Any) -> None:
    taken = _add(
        commands,
        "annotation",
        "Take a volume annotation of webKnossos in: the ZIP that it downloads, with volume data. Each\n"
        "annotated slice becomes a label file, among the labels or the corrections of the volume. Where the\n"
        "annotation began from a segmentation of the run (export webknossos or webknossos-annotation), slices that\n"
        "differ from it are taken.",
        "ultraseg annotation biopsy1.zip --configfile my.yaml --structure cells",
        _configuration(),
        _one_volume(),
    )
    taken.add_argument("file", metavar="FILE", help="the ZIP that webKnossos downloads")
    taken.add_argument("--structure", metavar="NAME", help="what was annotated (default: the cells)")
    _saved_to(taken)
    taken.add_argument("--layer", metavar="NAME", help="volume layer, where the annotation has several")
    taken.add_argument(
        "--whole-stack",
        action="store_true",
        help="the dataset in webKnossos shows the whole stack, although the volume is a part of it (roi)",
    )


def _crate(commands: Any) -> None:
    crate = _add(
        commands,
        "crate",
        "Describe a finished run for an archive: what was made from what, with which settings and versions, how\n"
        "accurate it is, by whom, and under which licence. Writes ro-crate-metadata.json (Workflow Run RO-Crate) to\n"
        "the folder of the run. `make extras` installs what it needs.",
        'ultraseg crate --configfile my.yaml --licence CC-BY-4.0 --author "Ada Lovelace"',
        _run_folder(),
    )
    crate.add_argument("--configfile", required=True, metavar="FILE", help="configuration of the run")
    crate.add_argument(
        "--licence", required=True, metavar="NAME", help="of the results: a name of SPDX, or an address"
    )
    crate.add_argument(
        "--author", required=True, action="append", metavar="NAME", help="may be given several times"
    )
    crate.add_argument(
        "--orcid", action="append", default=[], metavar="ID", help="ORCID iD of each author, in their order"
    )


def _bioimageio(commands: Any) -> None:
    package = _add(
        commands,
        "bioimageio",
        "Write each trained network of a run as a package of bioimage.io: a zip file with the network (Keras 3 and\n"
        "ONNX), a test image with its maps, and what is known of the training. The package is tested before it is\n"
        "kept. `make extras` installs what it needs.",
        'ultraseg bioimageio --directory runs/demo --licence CC-BY-4.0 --author "Ada Lovelace"',
        _run_folder(),
    )
    package.add_argument("--licence", required=True, metavar="NAME", help="of the network: a name of SPDX")
    package.add_argument(
        "--author", required=True, action="append", metavar="NAME", help="may be given several times"
    )
    package.add_argument(
        "--orcid", action="append", default=[], metavar="ID", help="ORCID iD of each author, in their order"
    )
    package.add_argument(
        "--doi",
        action="append",
        default=[],
        metavar="DOI",
        help="of a publication to cite, such as 10.1000/182; may be given several times",
    )
    package.add_argument("--networks", nargs="+", metavar="NAME", help="networks (default: all)")
    package.add_argument(
        "--volume", metavar="NAME", help="whose image tests the networks (default: one they were trained on)"
    )
    package.add_argument(
        "--to",
        metavar="FOLDER",
        help="folder to write to (default: export/bioimageio in the folder of the run)",
    )


def _compare(commands: Any) -> None:
    compare = _add(
        commands,
        "compare",
        "Compare two runs of one volume, or two label volumes: how far they agree, which objects changed, and where.\n"
        "A and B are folders of runs, or label volumes: TIFF, MRC, FILE.h5:DATASET, or the folder of a Zarr.",
        "ultraseg compare runs/before runs/after --to compare",
    )
    for side in "AB":
        compare.add_argument(side.lower(), metavar=side, help="folder of a run, or a label volume")
    compare.add_argument("--volume", metavar="NAME", help="which volume, where a run has several")
    compare.add_argument(
        "--structures", nargs="+", metavar="NAME", help="structures (default: all that both runs have)"
    )
    compare.add_argument(
        "--to", default="compare", metavar="FOLDER", help="folder for tables and pictures (default: compare)"
    )
