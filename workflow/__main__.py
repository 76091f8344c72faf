"""Commands beside Snakemake, such as ``python workflow view``, from any folder."""

import sys
from importlib import import_module

COMMANDS = {
    "view": ("ultraseg.viewer.server", "shows a volume in the browser"),
    "export": ("ultraseg.exchange.export", "writes labels as TIFF slices or stacks, or as OME-Zarr 0.4"),
    "napari": ("ultraseg.viewer.napari", "shows a volume in napari"),
    "proofread": ("ultraseg.exchange.proofread", "exports slices to correct by hand, and imports them again"),
    "status": ("ultraseg.run.status", "tells how far a run is"),
    "cut": ("ultraseg.exchange.cut_public", "cuts a box out of a public volume, as TIFF slices"),
}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        width = max(map(len, COMMANDS))
        listing = "\n".join(f"  {name:{width}}  {what}" for name, (_, what) in COMMANDS.items())
        sys.exit(f"Usage: python workflow COMMAND [options]; COMMAND --help lists its options.\n{listing}")
    from ultraseg.base.errors import UserError

    try:
        import_module(COMMANDS[name][0]).main(sys.argv[2:])
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
