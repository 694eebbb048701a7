"""Which edge marks the second (P22, F-P12): made-up devices under the real drivers, as a person with a scope would know it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conductor import LiveBoard

from gpstime.model import Label, Note, Offset, PpsEdge

SECONDS = 200


def ran(board: LiveBoard, configuration: str = "") -> tuple[str, float, Label, str]:
    """(the edge used at the end, by how many ms the last named pulses are off, the label, all that was said)."""
    engine, values = board.run(configuration)
    named = [v for v in values if isinstance(v, Offset) and v.second is not None][-20:]
    late = [o.at - min((p.at for p in board.pulses), key=lambda at: abs(at - o.at)) for o in named]
    for offset, off in zip(named, late, strict=True):
        true = board.world.truth.find(offset.at - off)
        assert true is not None
        assert offset.second == true.utc or abs(off) > 1e8, "half a second off, either second may be named"
    said = " | ".join(v.text for v in values if isinstance(v, Note))
    used = next(v.edge for v in reversed(values) if isinstance(v, PpsEdge) and any(v.at == o.at for o in named))
    return used, max(map(abs, late)) / 1e6, engine.pairing.label, said


@pytest.mark.parametrize("width_ms", [1, 20, 100, 200])
@pytest.mark.parametrize("inverted", [False, True])
def test_the_edge_that_begins_the_pulse_in_either_polarity(tmp_path: Path, width_ms: float, inverted: bool) -> None:
    used, late_ms, label, said = ran(LiveBoard(tmp_path, duration_s=SECONDS, width_ms=width_ms, inverted=inverted, both=True))
    assert (used, label) == ("clear" if inverted else "assert", Label.OK)
    assert late_ms < 0.01
    assert (f"is low for {width_ms} ms and high in between: an inverted pulse" in said) == inverted
    assert "as long high as low" not in said


@pytest.mark.parametrize("inverted", [False, True])
def test_an_even_pulse_by_the_delay_of_the_sentences(tmp_path: Path, inverted: bool) -> None:
    """Half a second long; sentences 350 ms after the second, or 850 ms after the rising edge of an inverted one."""
    board = LiveBoard(tmp_path, duration_s=SECONDS, width_ms=500, inverted=inverted, both=True, delay_ms=350.0)
    used, late_ms, label, said = ran(board)
    assert (used, label) == ("clear" if inverted else "assert", Label.OK)
    assert late_ms < 0.01
    assert "is as long high (500 ms) as low" in said
    assert f"which fits the {'falling' if inverted else 'rising'} one alone: that one is used." in said
    assert "half a second off" not in said


def test_an_even_pulse_whose_sentences_fit_both_is_said(tmp_path: Path) -> None:
    board = LiveBoard(tmp_path, duration_s=SECONDS, width_ms=500, inverted=True, both=True, delay_ms=150.0)
    used, late_ms, _, said = ran(board)
    assert used == "assert"
    assert late_ms == pytest.approx(500, abs=0.01), "nobody can know; so it is said"
    assert "time may be half a second off. If its maker says the falling one" in said


def test_the_user_may_name_the_edge(tmp_path: Path) -> None:
    """The twin of the test above, with the word of the receiver's maker."""
    board = LiveBoard(tmp_path, duration_s=SECONDS, width_ms=500, inverted=True, both=True, delay_ms=150.0)
    used, late_ms, label, said = ran(board, '[pulse]\nedge = "clear"\n')
    assert (used, label) == ("clear", Label.OK)
    assert late_ms < 0.01
    assert "half a second off" not in said


def test_where_only_one_edge_is_captured_the_width_is_not_known_and_that_is_said(tmp_path: Path) -> None:
    """The control: an inverted pulse without capture_clear is late by its width, and nothing could show it."""
    used, late_ms, _, said = ran(LiveBoard(tmp_path, duration_s=SECONDS, width_ms=200, inverted=True, both=False, delay_ms=400.0))
    assert used == "assert"
    assert late_ms == pytest.approx(200, abs=0.01)
    assert "only assert edges are captured, so the pulse's width is not known" in said
