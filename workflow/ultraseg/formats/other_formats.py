"""Files that are no TIFF: what they are, by their first bytes, and what to do with them. Light to import."""

from __future__ import annotations

from ultraseg.base.errors import UserError

UNPACK = "Unpack it first, and name what is in it"
CONVERT = (
    "Convert it to TIFF slices or a multi-page TIFF (Fiji: File > Save As), an MRC file or an OME-Zarr folder"
)
KINDS = (
    (b"\x1f\x8b", "is packed with gzip", f"{UNPACK}: gunzip FILE."),
    (b"PK\x03\x04", "is a zip archive", f"{UNPACK}: unzip FILE. An OME-Zarr (.zarr.zip, .ozx) is read from a folder."),
    (b"BZh", "is packed with bzip2", f"{UNPACK}: bunzip2 FILE."),
    (b"\xfd7zXZ", "is packed with xz", f"{UNPACK}: unxz FILE."),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd", f"{UNPACK}: unzstd FILE."),
    (b"7z\xbc\xaf", "is a 7z archive", f"{UNPACK}."),
    (b"\x89HDF", "is an HDF5 file", f"{CONVERT}."),
    (b"\x89PNG", "is a PNG file", f"{CONVERT}."),
    (b"\xff\xd8\xff", "is a JPEG file", f"{CONVERT}; for labels export again without loss."),
    (b"BM", "is a bitmap (BMP)", f"{CONVERT}."),
    (b"GIF8", "is a GIF file", f"{CONVERT}."),
    (b"ZISRAW", "is a CZI file by Zeiss", f"{CONVERT}."),
    (b"%PDF", "is a PDF file", f"{CONVERT}."),
    (b"\x93NUMPY", "is a NumPy file", f"{CONVERT}."),
)  # fmt: skip

CONVERT_VOLUME = "Convert it to a TIFF stack, to HDF5 (FILE.h5:DATASET), or to OME-Zarr"
WITH = "in a Python that has tifffile and"
WRITE = "tifffile.imwrite('maps.tif', {}, bigtiff=True, photometric='minisblack')"
OTHER_VOLUMES = {
    (".npy",): ("is a NumPy file", f", {WITH} numpy: " + WRITE.format("numpy.load('FILE')")),
    (".npz",): ("is a NumPy file", f", {WITH} numpy: " + WRITE.format("numpy.load('FILE')['NAME']")),
    (".n5",): ("is an N5 folder", ""),
    (".mha", ".mhd"): ("is a MetaImage file", ""),
}


def what_it_is(file: str) -> tuple[str, str] | None:
    """What a file is and the cure, both as parts of a message; None for kinds that are not known."""
    try:
        with open(file, "rb") as stored:
            head = stored.read(512)
    except OSError:
        return None
    if head[208:211] == b"MAP":
        return (
            "is an MRC file",
            "Name an image that is an MRC file .mrc, .rec or .st; convert labels to TIFF (mrc2tif).",
        )
    for start, kind, cure in KINDS:
        if head.startswith(start):
            return kind, cure.replace("FILE", file)
    if head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2"):
        return "is a NIfTI file", _as_tiff("nibabel", f"nibabel.load('{file}').dataobj[:].T")
    if head.startswith(b"NRRD"):
        return "is an NRRD file", _as_tiff("pynrrd", f"nrrd.read('{file}')[0].T")
    if head[257:262] == b"ustar":
        return "is a tar archive", f"{UNPACK}: tar -xf {file}."
    return None


def _as_tiff(library: str, numbers: str) -> str:
    """The cure for an image in a form in which only labels and maps are read."""
    write = f"tifffile.imwrite('image.tif', {numbers}, bigtiff=True, photometric='minisblack')"
    return f"Labels and maps of this form are read, images are not. {CONVERT}, {WITH} {library}: {write}."


def refuse_other_volumes(path: str) -> None:
    """Raise UserError for a volume in a form that is not read, by its name; the cure says how to convert it."""
    for suffixes, (what, how) in OTHER_VOLUMES.items():
        if path.lower().rstrip("/").endswith(suffixes):
            raise UserError(
                f"{path}: {what}, which is not read", f"{CONVERT_VOLUME}{how.replace('FILE', path)}."
            )
