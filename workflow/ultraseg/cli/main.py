"""The command ``ultraseg``: calls the function behind what was typed, and imports only what that function needs."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from ultraseg.base.errors import UserError
from ultraseg.cli.parser import parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; ends the program with a message and status 1 where the user can put something right."""
    given = parser().parse_args(arguments)
    if given.command is None:
        parser().print_help()
        sys.exit(2)
    try:
        call(given)
    except UserError as error:
        sys.exit(f"ultraseg {given.command}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # as in: ultraseg status | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (OSError, MemoryError) as error:
        sys.exit(f"ultraseg {given.command}: {_explained(error, given)}")


def call(given: Namespace) -> None:
    """Run the command that was parsed. Raises UserError where the user can put something right."""
    COMMANDS[given.command](given)


def _explained(error: OSError | MemoryError, given: Namespace) -> str:
    """What an error of the system means for the user; errors of other kinds are raised again."""
    from ultraseg.base.system_errors import explain_system_error

    explained = explain_system_error(
        error, [str(getattr(given, "to", None) or getattr(given, "folder", "."))]
    )
    if explained is None:
        raise error
    return str(explained)


def _check(given: Namespace) -> None:
    from ultraseg.plan.config_file import read_config_file
    from ultraseg.run.check import check_config
    from ultraseg.run.check_table import print_findings

    file = os.path.abspath(given.configfile)
    config = read_config_file(given.configfile)
    if given.data_root:
        config["data_root"] = os.path.abspath(given.data_root)
    os.chdir(given.directory)  # where relative paths of data start
    checked = check_config(config, files=[file])
    print_findings(checked)
    if checked.problems:
        sys.exit(1)


def _cut(given: Namespace) -> None:
    from ultraseg.exchange.cut_public import cut

    ranges = {axis: getattr(given, axis) for axis in "zyx"}
    cut(given.image, ranges, given.to, given.labels, given.every, given.truth)


def _phantom(given: Namespace) -> None:
    from ultraseg.phantom.volume import write_phantom

    files = write_phantom(
        given.folder, given.shape, given.seed, given.difficulty, given.label_slices, scale=given.scale
    )
    for kind, names in files.items():
        print(f"{given.folder}/{kind}: {len(names)} file(s)")


def _status(given: Namespace) -> None:
    from ultraseg.run.status import tell

    tell(given.directory, given.watch)


def _view(given: Namespace) -> None:
    from ultraseg.viewer.server import view

    # A browser that is started on the far end of an SSH connection would be no use.
    browse = not given.no_browser and "SSH_CONNECTION" not in os.environ
    view(given.directory, given.volume, given.bind, given.port, given.token, browse)


def _napari(given: Namespace) -> None:
    from ultraseg.viewer.start_napari import show

    show(given.directory, given.volume, given.python)


def _label(given: Namespace) -> None:
    from ultraseg.exchange.label_window import open_window
    from ultraseg.exchange.labelling import Desk

    desk = Desk(
        Path(given.configfile),
        Path(given.directory),
        given.volume,
        given.structures,
        given.to,
        given.data_root,
    )
    open_window(desk, given.python)


def _export(given: Namespace) -> None:
    from ultraseg.exchange.export import export_volume

    where = given.directory, given.volume
    for path in export_volume(*where, given.format, given.structures, given.to, given.dataset):
        print(path)


def _proofread(given: Namespace) -> None:
    from ultraseg.exchange.proofread import Proofreading

    run = Proofreading(Path(given.configfile), Path(given.directory), given.volume, given.data_root)
    if given.action == "export":
        run.export(given.slices, given.structures)
    else:
        run.take(given.all)


def _annotation(given: Namespace) -> None:
    from ultraseg.exchange.annotation import take_annotation

    told = take_annotation(
        Path(given.file), Path(given.configfile), Path(given.directory), given.volume, given.structure, given.to,
        given.layer, given.whole_stack, given.data_root,
    )  # fmt: skip
    print("\n".join(told))


def _crate(given: Namespace) -> None:
    from ultraseg.archive.crate import write_crate

    file = write_crate(
        Path(given.configfile), Path(given.directory), given.licence, given.author, given.orcid
    )
    print(file)


def _bioimageio(given: Namespace) -> None:
    from ultraseg.archive.model_package import write_packages

    for file in write_packages(
        Path(given.directory), given.licence, given.author, given.orcid, given.networks, given.volume, given.doi,
        given.to,
    ):  # fmt: skip
        print(file)


def _compare(given: Namespace) -> None:
    from ultraseg.exchange.compare import compare

    print("\n".join(compare(given.a, given.b, given.volume, given.structures, given.to)))


COMMANDS = {
    "check": _check,
    "cut": _cut,
    "phantom": _phantom,
    "status": _status,
    "view": _view,
    "napari": _napari,
    "label": _label,
    "export": _export,
    "proofread": _proofread,
    "annotation": _annotation,
    "compare": _compare,
    "crate": _crate,
    "bioimageio": _bioimageio,
}


if __name__ == "__main__":
    main()
