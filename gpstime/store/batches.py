"""Batches of lines, each a whole xz stream of its own: what a file is made of that must survive being killed at any moment.

A file of batches is an ordinary `.jsonl.xz` (xz files may be joined), so that `xz -dc` and every reader of captures read it. A
batch is there with its checksum or it is not there at all: half a batch never gives half of its lines.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xfd7zXZ\x00"
_FOOTER = 12
_LARGEST = 1 << 28
"""bytes that a batch may have: a damaged length must not eat the memory"""
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 1 << 16}]
"""One MiB of memory where preset 6 wants a hundred, a fifth of its time; a quarter larger."""


def pack(lines: list[str]) -> bytes:
    """The lines as one batch."""
    return lzma.compress(("\n".join(lines) + "\n").encode(), check=lzma.CHECK_CRC32, filters=_FILTERS)


@dataclass(frozen=True, slots=True)
class Batch:
    """The lines of one batch, without their newlines; `start` is its place in the file."""

    start: int
    lines: list[bytes]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes from `start` to `end` that are no batch; `at_end` if nothing follows them (a write that was cut)."""

    start: int
    end: int
    at_end: bool


def _unpack(piece: bytes) -> tuple[bytes, int] | None:
    """What the batch at the start of `piece` holds, and its length in the file; None if there is no whole one."""
    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << 27)
    try:
        out = stream.decompress(piece, _LARGEST)
    except (lzma.LZMAError, MemoryError):
        return None
    return (out, len(piece) - len(stream.unused_data)) if stream.eof else None


def batches(data: bytes) -> Iterator[Batch | Damage]:
    """What `data` (a whole file) holds, in order; after damage the next batch is looked for."""
    start = 0
    while start < len(data):
        end = start if data.startswith(MAGIC, start) else -1
        out: tuple[bytes, int] | None = None
        for _ in range(2):  # the magic may stand inside a batch by chance (once in 2**48 places): look on once
            if end < 0:
                break
            end = data.find(MAGIC, end + 1)
            end = len(data) if end < 0 else end
            out = _unpack(data[start:end])
            if out is not None or end == len(data):
                break
        if out is not None:
            yield Batch(start, out[0].split(b"\n")[:-1])
            start += out[1]
            continue
        following = data.find(MAGIC, start + 1)
        end = len(data) if following < 0 else following
        yield Damage(start, end, end == len(data))
        start = end


def ends_whole(tail: bytes) -> bool:
    """Whether a file with these last bytes (12 of them suffice) ends with a whole batch; nothing is unpacked."""
    footer = tail[-_FOOTER:]
    return len(footer) == _FOOTER and footer.endswith(b"YZ") and zlib.crc32(footer[4:10]).to_bytes(4, "little") == footer[:4]
