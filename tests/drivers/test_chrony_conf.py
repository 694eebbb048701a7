"""Reference clocks of chrony's configuration, wherever that is."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.drivers.chrony_conf import main_file, refclocks

PPS = "refclock PPS /dev/pps0 lock NMEA refid PPS\n"


def put(root: Path, name: str, text: str) -> None:
    path = root / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def running(root: Path, *options: str) -> None:
    put(root, "proc/77/comm", "chronyd\n")
    put(root, "proc/77/cmdline", "\0".join(["/usr/sbin/chronyd", *options, ""]))


def test_where_it_usually_is(tmp_path: Path) -> None:
    assert main_file(tmp_path) is None
    assert refclocks(tmp_path) == []
    put(tmp_path, "etc/chrony.conf", PPS)
    assert main_file(tmp_path) == "/etc/chrony.conf"
    put(tmp_path, "etc/chrony/chrony.conf", "pool a\n")
    assert main_file(tmp_path) == "/etc/chrony/chrony.conf"
    assert refclocks(tmp_path) == []  # chronyd reads one of them, not both


@pytest.mark.parametrize("options", [("-F", "1", "-f", "/srv/time.conf"), ("-F1", "-f/srv/time.conf")])
def test_as_the_running_one_was_told(tmp_path: Path, options: tuple[str, ...]) -> None:
    put(tmp_path, "etc/chrony/chrony.conf", PPS)
    put(tmp_path, "etc/default/chrony", 'DAEMON_OPTS="-f /srv/other.conf"\n')
    running(tmp_path, *options)
    assert main_file(tmp_path) == "/srv/time.conf"


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("etc/default/chrony", '# DAEMON_OPTS="-f /no"\nDAEMON_OPTS="-F 1 -f /srv/time.conf"\n'),
        ("etc/sysconfig/chronyd", "OPTIONS='-f /srv/time.conf'\n"),
    ],
)
def test_as_its_service_is(tmp_path: Path, file: str, line: str) -> None:
    put(tmp_path, "etc/chrony/chrony.conf", PPS)
    running(tmp_path, "-F", "1")  # says nothing of a file
    put(tmp_path, file, line)
    assert main_file(tmp_path) == "/srv/time.conf"
    put(tmp_path, file, "DAEMON_OPTS=-F 1\n")
    assert main_file(tmp_path) == "/etc/chrony/chrony.conf"


def test_lines_as_chronyd_reads_them(tmp_path: Path) -> None:
    put(
        tmp_path,
        "etc/chrony/chrony.conf",
        "\n\n! refclock PPS /dev/pps1\n# refclock PPS /dev/pps2\n  RefClock PPS /dev/pps-gps:clear lock NMEA\nrefclock\n"
        "confdir /etc/chrony/first /etc/chrony/second\ninclude /etc/chrony/more*.inc\ninclude /etc/chrony/chrony.conf\n",
    )
    put(tmp_path, "etc/chrony/first/a.conf", "refclock SHM 0 refid NMEA\n")
    put(tmp_path, "etc/chrony/second/a.conf", "refclock SHM 1\n")  # the same name: the first folder's counts
    put(tmp_path, "etc/chrony/second/b.conf", "refclock SOCK /run/chrony.x.sock\n")
    put(tmp_path, "etc/chrony/second/b.conf.off", PPS)
    put(tmp_path, "etc/chrony/more1.inc", "refclock PHC /dev/ptp0\n")
    found = refclocks(tmp_path)[:4]
    assert [(c.driver, c.device, c.file, c.line) for c in found] == [
        ("PPS", "/dev/pps-gps", "/etc/chrony/chrony.conf", 5),
        ("SHM", "0", "/etc/chrony/first/a.conf", 1),
        ("SOCK", "/run/chrony.x.sock", "/etc/chrony/second/b.conf", 1),
        ("PHC", "/dev/ptp0", "/etc/chrony/more1.inc", 1),
    ]
    assert found[0].text == "RefClock PPS /dev/pps-gps:clear lock NMEA"
    # a file that includes itself ends, as it does in chronyd
    assert len(refclocks(tmp_path)) < 100


def test_what_this_user_may_not_read_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "etc/chrony/chrony.conf").mkdir(parents=True)
    assert refclocks(tmp_path, "/etc/chrony/chrony.conf") == []
    put(tmp_path, "etc/strange.conf", "refclock \x00\xff\n")
    assert refclocks(tmp_path, "/etc/strange.conf") == []
