"""Lines of a file that may be compressed (xz, zstd) or damaged, in bounded memory.

The compression is told by the first bytes, not by the name: captures are mailed and renamed.  A file that breaks off or is
damaged is read as far as it goes; what is missing is counted under `truncated-file`, `damaged-file` or `too-long`.
"""

from __future__ import annotations

import io
import lzma
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from gpstime.errors import UsageError

CHUNK = 1 << 16
LONGEST = 1 << 20
"""bytes; a longer line is dropped (a serial chunk of half a MiB is far beyond what any UART delivers at once)"""

_XZ = b"\xfd7zXZ\x00"
_ZSTD = b"\x28\xb5\x2f\xfd"
_MEMORY = 1 << 28
"""bytes that a decompressor may take: xz -9 needs 65 MiB; a hostile header can ask for 4 GiB"""


def _read(file: BinaryIO) -> bytes:
    # read1 gives what a pipe has now, so that a live capture on stdin is not held back
    return file.read1(CHUNK) if isinstance(file, io.BufferedReader) else file.read(CHUNK)


def _unxz(first: bytes, file: BinaryIO, counts: Counter[str]) -> Iterator[bytes]:
    while True:  # one round for each stream: `cat a.xz b.xz` is an xz file too
        stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)
        data = first
        while not stream.eof:
            if stream.needs_input and not data:
                data = _read(file)
                if not data:
                    counts["truncated-file"] += 1
                    return
            try:
                out = stream.decompress(data, CHUNK)
            except (lzma.LZMAError, MemoryError):
                counts["damaged-file"] += 1
                return
            data = b""
            if out:
                yield out
        first = stream.unused_data.lstrip(b"\0")  # padding between streams is zeros
        while not first:
            first = _read(file)
            if not first:
                return
            first = first.lstrip(b"\0")


def _unzstd(first: bytes, file: BinaryIO, counts: Counter[str]) -> Iterator[bytes]:
    try:
        import zstandard
    except ImportError:
        raise UsageError(
            "this capture is compressed with zstd, which needs a library: pip install gpstime-pi[zstd] "
            "(or decompress it first: zstd -d FILE)"
        ) from None
    data = first
    while data:  # one round for each frame
        stream = zstandard.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
        while not stream.eof:
            if not data and not (data := _read(file)):
                counts["truncated-file"] += 1
                return
            # a KiB at a time: each 4 bytes of it may become a block of 128 KiB
            piece, data = data[:1024], data[1024:]
            try:
                out = stream.decompress(piece)
            except (zstandard.ZstdError, MemoryError):
                counts["damaged-file"] += 1
                return
            if out:
                yield out
        data = stream.unused_data + data or _read(file)


def portions(file: BinaryIO, counts: Counter[str]) -> Iterator[bytes]:
    """The bytes of `file`, decompressed, in portions as they come; damage is counted. OSError from reading passes through."""
    first = b""
    while len(first) < len(_XZ) and (more := _read(file)):
        first += more
    if first.startswith(_XZ):
        yield from _unxz(first, file, counts)
    elif first.startswith(_ZSTD):
        yield from _unzstd(first, file, counts)
    else:
        if first:
            yield first.removeprefix(b"\xef\xbb\xbf")  # a byte-order mark that an editor left
        while data := _read(file):
            yield data


def lines(file: BinaryIO, counts: Counter[str]) -> Iterator[bytes]:
    """The lines of `file` without their newline; an unfinished last one is a line too. OSError from reading passes through."""
    rest: list[bytes] = []
    size = 0
    dropping = False
    for chunk in portions(file, counts):
        head, *tail = chunk.split(b"\n")
        if not dropping:
            rest.append(head)
            size += len(head)
        if tail:
            if not dropping and size <= LONGEST:
                yield b"".join(rest)
            elif not dropping:
                counts["too-long"] += 1
            dropping = False
            yield from tail[:-1]
            rest, size = [tail[-1]], len(tail[-1])
        elif size > LONGEST:
            counts["too-long"] += 1
            rest, size, dropping = [], 0, True
    if rest and size:
        yield b"".join(rest)
