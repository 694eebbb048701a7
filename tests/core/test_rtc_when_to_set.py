"""When to write, so that the chip's second begins with the true one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.rtc_set import corrected, plan_set, residue_ns, within
from gpstime.times import NS

instants = st.integers(1_700_000_000 * NS, 1_900_000_000 * NS)


@given(instants, st.floats(0.001, 1.0), st.floats(0.0, 3.0))
def test_the_chip_goes_on_with_a_true_second(now: int, first_tick_s: float, margin_s: float) -> None:
    plan = plan_set(now, first_tick_s, margin_s)
    assert plan.act_ns >= now + round(margin_s * NS)
    assert plan.act_ns + round(first_tick_s * NS) == (plan.second_s + 1) * NS
    # between the divider's start and the first tick the chip shows the true second, or (for a long delay) not one of the future
    assert plan.second_s * NS <= plan.act_ns
    assert plan.act_ns - now < round(margin_s * NS) + NS + 1


@given(instants, st.floats(0.1, 0.9), st.integers(-90_000_000, 90_000_000))
def test_the_second_attempt_goes_by_the_first(now: int, believed_s: float, off_ns: int) -> None:
    """Whatever the delay is in truth, one measured attempt is enough."""
    delay_ns = round(believed_s * NS) + off_ns
    plan = plan_set(now, believed_s, 0.1)
    ahead = residue_ns((plan.second_s + 1) * NS - (plan.act_ns + delay_ns))
    assert ahead == -off_ns
    again = plan_set(now, corrected(believed_s, ahead), 0.1)
    assert abs((again.second_s + 1) * NS - (again.act_ns + delay_ns)) <= 2


def test_the_wrong_way_round_makes_it_worse() -> None:
    plan = plan_set(1_700_000_000 * NS, 0.5, 0.1)
    late = -8_000_000  # the true delay is 0.508 s
    assert abs(corrected(0.5, late) - 0.508) < 1e-9
    assert abs(corrected(0.5, -late) - 0.508) > 0.01
    assert plan.act_ns % NS == NS // 2


def test_residues() -> None:
    assert residue_ns(0) == 0
    assert residue_ns(NS + 5) == 5
    assert residue_ns(-5) == -5
    assert residue_ns(NS // 2) == -NS // 2
    assert within(900_000, 50_000, 1_000_000)
    assert not within(-980_000, 50_000, 1_000_000)
