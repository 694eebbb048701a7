"""The recorded world: any compression, any damage; what is missing is counted, what is no capture is said."""

from __future__ import annotations

import io
import lzma
import random

import pytest

from gpstime.errors import CaptureError, CaptureUnreadable, UsageError
from gpstime.model import Applied, Note, PpsEdge, Slew
from gpstime.store import lines as lines_module
from gpstime.store.capture import encode, encode_head
from gpstime.store.recorded import RecordedWorld
from gpstime.times import RawNs, UnixNs, UtcTime

EVENTS = [PpsEdge(RawNs(k * 10**9 + 17 * k), UnixNs(1763923200 * 10**9 + k * 10**9), seq=k) for k in range(5000)]
PLAIN = "\n".join([encode_head(board="Raspberry Pi 4", started_utc="2025-11-23T18:40:00Z"), *map(encode, EVENTS), ""]).encode()


def compress(how: str, data: bytes) -> bytes:
    if how == "xz":
        return lzma.compress(data)
    if how == "two-xz":
        return lzma.compress(data[: len(data) // 2]) + b"\0" * 8 + lzma.compress(data[len(data) // 2 :])
    if how in ("zst", "two-zst"):
        zstandard = pytest.importorskip("zstandard")
        pack = zstandard.ZstdCompressor().compress
        return pack(data) if how == "zst" else pack(data[:1000]) + pack(data[1000:])
    return data


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._data, self._random = io.BytesIO(data), random.Random(5)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self._data.read(min(self._random.randint(1, 7000), len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


@pytest.mark.parametrize("how", ["plain", "xz", "two-xz", "zst", "two-zst"])
def test_all_compressions_by_path_and_by_pipe(how, tmp_path):
    path = tmp_path / "misnamed.txt"  # told by its first bytes, not by its name
    path.write_bytes(compress(how, PLAIN))
    world = RecordedWorld(str(path))
    assert list(world.events()) == EVENTS
    assert not world.skipped
    assert world.head == {"board": "Raspberry Pi 4", "started_utc": "2025-11-23T18:40:00Z"}
    world.close()
    world.close()
    assert list(RecordedWorld(io.BufferedReader(Trickle(compress(how, PLAIN)))).events()) == EVENTS


@pytest.mark.parametrize("how", ["xz", "zst"])
def test_a_truncated_file_is_read_as_far_as_it_goes(how):
    data = compress(how, PLAIN)
    world = RecordedWorld(io.BytesIO(data[: len(data) * 3 // 4]))
    seen = list(world.events())
    assert 500 < len(seen) < len(EVENTS)
    assert seen == EVENTS[: len(seen)]
    assert world.skipped["truncated-file"] == 1
    assert world.skipped["not-json"] <= 1  # the line in which it breaks off


@pytest.mark.parametrize("how", ["xz", "zst"])
def test_a_damaged_file_never_raises_after_its_start(how):
    data = bytearray(compress(how, PLAIN))
    for k in range(len(data) // 2, len(data)):
        data[k] ^= 0x5A
    world = RecordedWorld(io.BytesIO(bytes(data)))
    list(world.events())
    assert world.skipped["damaged-file"] + world.skipped["truncated-file"] == 1


def test_zstd_without_its_library_names_the_remedy(monkeypatch):
    data = compress("zst", PLAIN)
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(UsageError, match=r"pip install gpstime-pi\[zstd\]"):
        RecordedWorld(io.BytesIO(data))


def test_an_empty_file_says_so():
    with pytest.raises(CaptureError, match=r"night\.jsonl is empty"):
        RecordedWorld(io.BytesIO(b""), "night.jsonl")


@pytest.mark.parametrize("data", [b"\n\n", b"$GPRMC,1\r\n$GPZDA\r\n", b"\x00" * 9000, b"\xb5b" * 40000, b"[]\n3\n"])
def test_a_file_without_one_json_object_is_no_capture(data):
    with pytest.raises(CaptureError, match=r"night\.jsonl is no capture"):
        RecordedWorld(io.BytesIO(data), "night.jsonl")


def test_missing_folder_and_forbidden(tmp_path):
    with pytest.raises(CaptureUnreadable, match="No such file"):
        RecordedWorld(str(tmp_path / "none"))
    with pytest.raises(CaptureUnreadable, match="directory"):
        RecordedWorld(str(tmp_path))
    with pytest.raises(CaptureUnreadable, match="null byte"):
        RecordedWorld("a\0b")
    with pytest.raises(OSError, match="none"):  # it is a builtin too
        RecordedWorld(str(tmp_path / "none"))


def test_a_disk_that_fails_on_the_way_is_named():
    class Failing(io.RawIOBase):
        def __init__(self):
            self.rest = [PLAIN[:200_000]]

        def readable(self):
            return True

        def read(self, size=-1):
            if self.rest:
                return self.rest.pop()
            raise OSError(5, "Input/output error")

    world = RecordedWorld(Failing(), "night.jsonl")
    seen = []
    with pytest.raises(CaptureUnreadable, match=r"night\.jsonl: Input/output error"):
        seen.extend(iter(world.events()))
    assert seen == [] or seen == EVENTS[: len(seen)]


def test_bad_lines_are_counted_and_the_rest_used():
    data = b"garbage\n" + PLAIN + b'{"k":"future","t":1}\n{"k":"note","t":3,"text":"x","y":1}\n{"k":"head","format":1}\n{"k":"pp'
    world = RecordedWorld(io.BytesIO(data))
    assert list(world.events()) == [*EVENTS, Note(RawNs(3), "x")]
    assert world.skipped == {"not-json": 2, "unknown-kind": 1, "unknown-key": 1, "second-head": 1}
    assert world.head["board"] == "Raspberry Pi 4"


def test_a_line_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(lines_module, "LONGEST", 1000)
    monkeypatch.setattr(lines_module, "CHUNK", 64)
    data = encode(EVENTS[0]).encode() + b"\n" + b"x" * 100_000 + b"\n" + encode(EVENTS[1]).encode() + b"\n" + b"y" * 3000
    world = RecordedWorld(io.BytesIO(data))
    assert list(world.events()) == EVENTS[:2]
    assert world.skipped == {"too-long": 2}


def test_a_missing_head_is_tolerated_and_noted():
    world = RecordedWorld(io.BytesIO(PLAIN.partition(b"\n")[2]))
    assert list(world.events()) == EVENTS
    assert world.head == {}
    assert world.not_before is None
    assert any("no head" in note for note in world.notes)


def test_the_head_may_come_after_a_bad_line_and_after_an_unknown_kind():
    world = RecordedWorld(io.BytesIO(b'x\n{"k":"future"}\n' + PLAIN))
    assert world.head["board"] == "Raspberry Pi 4"
    assert world.not_before is not None
    assert list(world.events()) == EVENTS


def test_the_lower_bound_is_a_day_before_the_recordings_own_start():
    assert RecordedWorld(io.BytesIO(PLAIN)).not_before == UtcTime.civil(2025, 11, 22, 18, 40)


@pytest.mark.parametrize("started", ["yesterday", 5, None, ["x"], "2025-13-01T00:00:00Z"])
def test_a_start_that_is_no_time_gives_no_bound(started):
    world = RecordedWorld(io.BytesIO((encode_head(started_utc=started) + "\n").encode()))
    assert world.not_before is None
    assert world.skipped == ({} if started is None else {"bad-started-utc": 1})
    assert list(world.events()) == []


def test_a_recording_cant_be_steered():
    applied = Applied(RawNs(9), freq_ppb=-33.5, by="chrony")
    world = RecordedWorld(io.BytesIO((encode(EVENTS[0]) + "\n" + encode(applied)).encode()))
    assert world.adjust(Slew(5.0, 10.0)).freq_ppb is None
    list(world.events())
    assert world.adjust(Slew(5.0, 10.0)) == applied


def test_utf8_mark_and_crlf():
    assert list(RecordedWorld(io.BytesIO(b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n"))).events()) == EVENTS
