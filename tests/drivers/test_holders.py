"""Who holds a port, on made-up /proc trees: open files where they can be read, command lines where they can't (P5, P8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.drivers.holders import Holder, holders


def process(proc: Path, pid: int, comm: str, cmdline: str, opened: tuple[str, ...] | None) -> None:
    """`opened` None: another user's process, whose files can't be listed."""
    place = proc / str(pid)
    place.mkdir(parents=True)
    (place / "comm").write_text(comm + "\n")
    (place / "cmdline").write_bytes(cmdline.replace(" ", "\0").encode() + b"\0")
    if opened is not None:
        (place / "fd").mkdir()
        for number, target in enumerate(opened):
            (place / "fd" / str(number)).symlink_to(target)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    root = tmp_path / "proc"
    process(root, 1, "systemd", "/sbin/init", None)
    process(root, 40, "kthreadd", "", ())
    process(root, 700, "vim", "vim /dev/ttyAMA0", ("/dev/pts/0",))
    (root / "self").mkdir()
    (root / "uptime").write_text("1 2")
    return root


def test_nobody(proc: Path) -> None:
    assert holders("/dev/ttyAMA0", proc) == []
    assert holders("/dev/ttyAMA0", proc / "nothing") == []


@pytest.mark.parametrize(
    ("comm", "cmdline", "remedy"),
    [
        (
            "gpsd",
            "/usr/sbin/gpsd -n /dev/ttyAMA0",
            'systemctl stop gpsd.socket gpsd, or take its word: source = "gpsd" in /etc/gpstime.toml',
        ),
        ("agetty", "/sbin/agetty -o -p -- \\u --keep-baud 115200 ttyAMA0 vt220", "serial-getty@ttyAMA0.service"),
    ],
)
def test_a_daemon_whose_files_cannot_be_listed_is_found_by_its_command_line(
    proc: Path, comm: str, cmdline: str, remedy: str
) -> None:
    process(proc, 612, comm, cmdline, None)
    (found,) = holders("/dev/ttyAMA0", proc)
    assert found == Holder(612, comm, False, "/dev/ttyAMA0")
    assert f"seems to be in use by {comm} (pid 612)" in found.sentence()
    assert remedy in found.sentence()
    assert holders("/dev/ttyAMA1", proc) == []


@pytest.mark.parametrize(
    ("comm", "remedy"), [("ModemManager", "ID_MM_DEVICE_IGNORE"), ("minicom", "kill 613"), ("gpsd", 'source = "gpsd"')]
)
def test_an_open_file_is_proof(proc: Path, comm: str, remedy: str) -> None:
    process(proc, 612, "agetty", "agetty ttyACM0", None)
    process(proc, 613, comm, comm, ("/dev/null", "socket:[1]", "/dev/ttyACM0"))
    found = holders("/dev/ttyACM0", proc)
    assert [(h.pid, h.sure) for h in found] == [(613, True), (612, False)], "the sure one first"
    assert "is also open by" in found[0].sentence()
    assert remedy in found[0].sentence()


def test_a_link_is_followed_and_we_are_left_out(proc: Path, tmp_path: Path) -> None:
    node = tmp_path / "ttyACM3"
    node.touch()
    link = tmp_path / "usb-u-blox"
    link.symlink_to(node)
    process(proc, 613, "cat", "cat", (str(node),))
    assert [h.pid for h in holders(str(link), proc)] == [613]
    assert holders(str(link), proc, own=613) == []


def test_who_has_the_kernel_time_the_carrier_detect_line_reads_nothing(proc: Path) -> None:
    process(proc, 612, "ldattach", "ldattach PPS /dev/ttyS0", ("/dev/ttyS0",))
    process(proc, 613, "ldattach", "/usr/sbin/ldattach 18 /dev/ttyS1", ("/dev/ttyS1",))
    process(proc, 614, "ldattach", "ldattach GIGASET_M101 /dev/ttyS2", ("/dev/ttyS2",))
    assert holders("/dev/ttyS0", proc) == holders("/dev/ttyS1", proc) == []
    assert [h.pid for h in holders("/dev/ttyS2", proc)] == [614]  # another discipline takes the bytes


def test_whoever_plays_the_receiver_at_a_pty_may_have_both_ends_open(proc: Path) -> None:
    process(proc, 613, "python3", "python3 play.py", ("/dev/ptmx", "/dev/pts/7"))
    process(proc, 614, "cat", "cat", ("/dev/ptmx", "/dev/pts/7"))
    for pid, index in ((613, 7), (614, 3)):
        (proc / str(pid) / "fdinfo").mkdir()
        (proc / str(pid) / "fdinfo" / "0").write_text(f"pos:\t0\nflags:\t02100002\ntty-index:\t{index}\n")
    assert [h.pid for h in holders("/dev/pts/7", proc)] == [614], "its master is that of another pty"
