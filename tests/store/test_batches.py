"""Batches: whole or not there, wherever the file is cut or hit."""

from __future__ import annotations

import io
import lzma
import random

from gpstime.model import Note
from gpstime.store.batches import MAGIC, Batch, Damage, batches, ends_whole, pack
from gpstime.store.capture import encode
from gpstime.store.recorded import RecordedWorld
from gpstime.times import RawNs

LINES = [[encode(Note(RawNs(100 * b + n), f"batch {b}, line {n}")) for n in range(5)] for b in range(4)]
PACKED = [pack(lines) for lines in LINES]
FILE = b"".join(PACKED)
ENDS = [sum(map(len, PACKED[: n + 1])) for n in range(len(PACKED))]


def read(data: bytes) -> tuple[list[list[str]], list[Damage]]:
    found = list(batches(data))
    whole = [[line.decode() for line in piece.lines] for piece in found if isinstance(piece, Batch)]
    return whole, [piece for piece in found if isinstance(piece, Damage)]


def test_a_file_of_batches_is_an_ordinary_capture():
    assert read(FILE) == (LINES, [])
    world = RecordedWorld(io.BytesIO(FILE))
    assert [encode(event) for event in world.events()] == [line for lines in LINES for line in lines]
    assert not world.skipped
    assert lzma.decompress(FILE).decode().splitlines() == [line for lines in LINES for line in lines]


def test_a_cut_at_any_byte_costs_the_batch_that_it_is_in_and_nothing_else():
    for cut in range(len(FILE)):
        whole, damage = read(FILE[:cut])
        assert whole == LINES[: sum(end <= cut for end in ENDS)]
        clean = cut == 0 or cut in ENDS
        assert bool(damage) is not clean
        assert all(piece.at_end for piece in damage)
        assert ends_whole(FILE[:cut][-16:]) is (clean and cut > 0)


def test_half_a_batch_gives_none_of_its_lines():
    """The twin: the reader of captures reads as far as it goes and gives some; a record would have them twice."""
    big = [encode(Note(RawNs(n), random.Random(n).randbytes(40).hex())) for n in range(5000)]
    half = pack(big)[:-1000]
    assert read(half)[0] == []
    assert 0 < len(list(RecordedWorld(io.BytesIO(half)).events())) < 5000
    assert read(half + PACKED[0])[0] == LINES[:1]


def test_a_hit_in_the_middle_costs_one_batch():
    rng = random.Random(1)
    for _ in range(300):
        data = bytearray(FILE)
        at = rng.randrange(len(data))
        data[at] ^= 1 << rng.randrange(8)
        hit = sum(end <= at for end in ENDS)
        whole, damage = read(bytes(data))
        assert whole == LINES[:hit] + LINES[hit + 1 :]
        assert damage


def test_what_is_no_batch_at_all():
    assert read(b"") == ([], [])
    assert read(b"\0" * 5000) == ([], [Damage(0, 5000, True)])
    assert read(b"\0" * 512 + FILE) == (LINES, [Damage(0, 512, False)])  # a file system that filled in zeros
    assert read(MAGIC * 50)[0] == []
    assert not ends_whole(b"")
    assert not ends_whole(b"YZ")
