"""Whether a TIFF page was compressed with loss: then its numbers are not those that were saved. Light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tifffile

ALWAYS = {6, 99, 33007, 34892}  # old and other kinds of JPEG in TIFF
JPEG = {7}
JPEG_2000 = {33003, 33004, 33005, 34712}
WEBP = {34927, 50001}
UNKNOWN = {22610, 34887, 34934, 50002, 52546}  # JPEG XR, LERC and JPEG XL, whose streams are not looked into
LOSSLESS_JPEG = {0xC3, 0xC7, 0xCB, 0xCF, 0xF7}  # kinds of frames without loss; the last one is JPEG-LS
HEAD = 65536  # bytes of a compressed segment that hold its header


def is_lossy(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> bool:
    """True for JPEG, JPEG 2000 and WebP unless the stream itself says that it is lossless."""
    kind = int(page.compression)
    if kind in ALWAYS:
        return True
    if kind not in JPEG | JPEG_2000 | WEBP:
        return False
    head = _first_bytes(tif, page)
    if kind in JPEG:
        return _jpeg_frame(head) not in LOSSLESS_JPEG
    if kind in WEBP:
        return b"VP8 " in head[8:64]
    at = head.find(b"\xff\x52")  # JPEG 2000: the wavelet, 0 for the one that rounds
    return at >= 0 and head[at + 13 : at + 14] == b"\0"


def may_be_lossy(page: tifffile.TiffPage) -> bool:
    """True for compression that exists with and without loss, where ``is_lossy`` does not look which it is."""
    return int(page.compression) in UNKNOWN


def _first_bytes(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> bytes:
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count:
            tif.filehandle.seek(offset)
            return bytes(tif.filehandle.read(min(count, HEAD)))
    return b""


def _jpeg_frame(head: bytes) -> int | None:
    """Marker of the frame in a JPEG stream, which tells its kind."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) or marker == 0xF7:
            return marker
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None
