"""The configuration: every error has its line and says what to write; what is in force can be read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.app.config import ConfigError, as_toml, load, parse
from gpstime.app.settings import SECTIONS, Config
from gpstime.cli import main

GOOD = """# my hat
[receiver]
port = "/dev/ttyACM0"
baud = 38400

[pulse]
backend = "kernel"
bias_us = 9.5

[record]
commit_s = "2m"
raw_mb = 64
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as e:
        parse(text, "c.toml")
    return e.value.problems


def test_what_the_file_says_is_in_force_and_the_rest_is_default() -> None:
    config = parse(GOOD, "c.toml")
    assert (config.receiver.port, config.receiver.baud, config.pulse.bias_us) == ("/dev/ttyACM0", 38400, 9.5)
    assert (config.record.commit_s, config.record.raw_mb) == (120.0, 64)
    assert config.service == Config().service
    assert config.lines["receiver.baud"] == 4
    assert config.lines["record.commit_s"] == 11


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[receiver]\nbaud = 9601", "c.toml:2: [receiver] baud can't be 9601: write one of 4800, 9600,"),
        ("[receiver]\n\nbuad = 9600", "c.toml:3: [receiver] has no buad: did you mean baud?"),
        ("[reciever]\nbaud = 9600", "c.toml:1: there is no section [reciever]: did you mean receiver?"),
        ("baud = 9600", "c.toml:1: there is no baud outside of a section: it belongs below [receiver]"),
        ("[receiver]\nport = /dev/serial0", "c.toml:2: this is no TOML: "),
        ("[receiver\n", "c.toml:1: this is no TOML: "),
        ("receiver = 3", "c.toml:1: receiver is a section: write [receiver] on a line of its own"),
        ("[record]\ncommit_s = 0", '[record] commit_s can\'t be 0: write a time from 1 to 3600 seconds, as a number or like "90s"'),
        ("[record]\ncommit_s = true", "c.toml:2: [record] commit_s can't be true"),
        ('[record]\ncommit_s = "soon"', 'c.toml:2: [record] commit_s can\'t be "soon"'),
        ("[record]\ncommit_s = nan", "c.toml:2: [record] commit_s can't be nan"),
        ("[pulse]\nlines = 18", "c.toml:2: [pulse] has no lines: did you mean line?"),
        ("[pulse\nline = 18", "c.toml:1: this is no TOML: Expected ']' at the end of a table declaration; a section is a line"),
        ("[pulse]\n[pulse]", "each section and each key may stand only once"),
        ("[receiver]\nport = /dev/serial0", "c.toml:2: this is no TOML: Invalid value; text values need quotation marks."),
        ('[record]\nfolder = "here"', "write an absolute path in quotation marks"),
        ('[pulse]\nline = "18"', 'c.toml:2: [pulse] line can\'t be "18": write a whole number of a GPIO line'),
        ('[pulse]\nbias_us = "much"', 'write a number of microseconds from -100000 to 100000, or "auto"'),
        ('[pulse]\nbackend = "gpio"', "write one of 'auto', 'kernel', 'gpiod', 'rpi-gpio', 'none'"),
        ('[receiver]\nport = "http://a:1"', 'c.toml:2: [receiver] port can\'t be "http://a:1": write a device'),
        ('[receiver]\nport = "socket://a"', 'or "socket://host:port"'),
        ('[receiver]\nsource = "gpsd"\ngpsd = "a:b"', 'c.toml:3: [receiver] gpsd can\'t be "a:b": not an address of a gpsd'),
        ('[receiver]\nport = ""', 'c.toml:2: [receiver] port can\'t be ""'),
        ('[receiver]\nsource = "none"\n[pulse]\nbackend = "none"', "nothing to watch"),
        ('[receiver]\nsend = "$PMTK605"', "write a list of at most 32 texts"),
        ('[receiver]\nsend = ["PMTK605"]', "is neither an NMEA sentence (it begins with $) nor bytes"),
        ('[receiver]\nsend = ["$PMTK605"]\nshare = true', "c.toml:2: nothing is sent to a receiver whose port is shared"),
        ('[receiver]\nsend = ["$PMTK605"]\nsource = "gpsd"', "c.toml:2: nothing is sent to a receiver whose port is another's"),
        ('[receiver]\nsend = ["$PMTK605"]\nport = "socket://a:1"', "whose port is another's"),
    ],
)
def test_an_error_has_its_line_and_the_remedy(text: str, told: str) -> None:
    found = problems(text)
    assert len(found) == 1
    assert told in found[0]
    assert not found[0].endswith("?.")


def test_all_errors_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems("[pulse]\nline = -1\nedge = 'up'\n[receiver]\nbaud = 1\n")
    assert [p.split()[0] for p in found] == ["c.toml:2:", "c.toml:3:", "c.toml:5:"]


def test_orders_for_the_receiver_are_shown_as_they_were_written() -> None:
    text = '[receiver]\nsend = ["$PMTK220,1000 -> $PMTK001,220,3", "hex b5 62 06 08 00 00"]\n'
    made = parse(text, "c.toml")
    assert made.receiver.send == ("$PMTK220,1000 -> $PMTK001,220,3", "hex b5 62 06 08 00 00")
    assert parse(as_toml(made), "again").receiver == made.receiver


def test_what_is_shown_means_the_same() -> None:
    for text in (GOOD, ""):
        config = parse(text, "c.toml")
        shown = as_toml(config)
        again = parse(shown, "d.toml")
        assert [row[:3] for row in again.rows()] == [row[:3] for row in config.rows()]
    assert "baud = 38400" in as_toml(parse(GOOD, "c.toml"))
    assert "# line 4;" in as_toml(parse(GOOD, "c.toml"))


@given(st.text(alphabet='[]="#\n\\receivrbaud \t9.\x00é', max_size=80))
def test_no_text_gives_anything_but_a_configuration_or_a_config_error(text: str) -> None:
    try:
        config = parse(text, "c.toml")
    except ConfigError:
        return
    assert {section for section, *_ in config.rows()} == set(SECTIONS)


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(str(tmp_path / "latin.toml"))
    with pytest.raises(ConfigError, match="can't be read"):
        load(str(tmp_path))


def test_a_file_that_begins_with_a_mark_of_its_editor(tmp_path: Path) -> None:
    path = tmp_path / "g.toml"
    path.write_bytes(b"\xef\xbb\xbf[receiver]\r\nbaud = 4800\r\n")
    assert load(str(path)).receiver.baud == 4800


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "g.toml"
    path.write_text(GOOD)
    assert main(["config", "--config", str(path)]) == 0
    assert 'port = "/dev/ttyACM0"' in capsys.readouterr().out
    path.write_text("[pulse]\nline = -1\nedge = 'up'\n")
    assert main(["config", "--config", str(path)]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert all(str(path) in line for line in told)


def test_json_says_what_is_in_force_and_what_is_wrong(tmp_path, capsys):
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[record]\ncommit_s = 30\n")
    bad.write_text("[record]\ncommit_s = -1\n")
    assert main(["config", "--config", str(good), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["config"]["record"]["commit_s"] == 30
    assert found["lines"]["record.commit_s"] == 2
    assert found["problems"] == []
    assert main(["config", "--config", str(bad), "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["config"] is None
    assert json.loads(out)["problems"][0] in err
