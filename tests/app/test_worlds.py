"""`gpstime measure --config`: which devices of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpstime.cli import main


def test_the_configuration_named_is_the_one_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conf = tmp_path / "mine.toml"
    conf.write_text('[pulse]\nbackend = "kernel"\ndevice = "no-such-pulse"\n')
    assert main(["measure", "--config", str(conf), "--for", "10s"]) == 2
    assert "no-such-pulse" in capsys.readouterr().err


def test_a_configuration_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measure", "--config", "/nonexistent/mine.toml"]) == 2
    assert "/nonexistent/mine.toml" in capsys.readouterr().err
