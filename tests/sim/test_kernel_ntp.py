"""The kernel's own loop against figures worked out by hand from kernel/time/ntp.c, and against what its documentation says."""

from __future__ import annotations

import pytest

from gpstime.sim.kernel_ntp import KernelNtp


def seconds(kernel: KernelNtp, count: int) -> list[float]:
    return [kernel.second_overflow() for _ in range(count)]


def test_adjtime_takes_half_a_millisecond_a_second_and_ends_by_itself() -> None:
    kernel = KernelNtp(4)
    kernel.adjtime(-1_234)
    assert seconds(kernel, 4) == [-500_000.0, -500_000.0, -234_000.0, 0.0]
    kernel.adjtime(700)
    assert kernel.second_overflow() == 500_000.0
    kernel.adjtime(-100)  # takes the place of what was left
    assert seconds(kernel, 2) == [-100_000.0, 0.0]
    assert kernel.freq_ppb == 0.0


@pytest.mark.parametrize("constant", [0, 4, 10])
def test_the_pll_takes_a_share_of_what_is_left(constant: int) -> None:
    kernel = KernelNtp(constant)
    kernel.adj_offset(1_000_000, 0)
    share = 1 / 2 ** (2 + constant)
    found = seconds(kernel, 3)
    assert found == pytest.approx([1e6 * share, 1e6 * share * (1 - share), 1e6 * share * (1 - share) ** 2], rel=1e-9)
    assert kernel.freq_ppb == 0.0  # the first offset says nothing of a frequency


def test_the_frequency_learns_offset_times_time() -> None:
    kernel = KernelNtp(4)
    kernel.adj_offset(0, 0)
    kernel.adj_offset(65_536, 16)
    assert kernel.freq_ppb == 16.0  # 65536 ns * 16 s / 2^(2 * 8)
    kernel.adj_offset(-65_536, 10_000)  # no more than 2^(2 + 1 + 4) s are believed
    assert kernel.freq_ppb == 16.0 - 128.0


def test_limits() -> None:
    kernel = KernelNtp(0)
    kernel.adj_offset(3_000_000_000, 8)
    assert kernel.second_overflow() - kernel.freq_ppb == 500_000_000 / 4  # half a second is the largest phase
    assert kernel.freq_ppb == 500_000.0
    kernel.adj_offset(-3_000_000_000, 8)
    kernel.adj_offset(-3_000_000_000, 8)
    assert kernel.freq_ppb == -500_000.0


def test_the_loop_settles_on_a_crystal_that_is_off() -> None:
    kernel, x, largest = KernelNtp(4), 1e6, 0.0
    for k in range(20_000):
        if k % 16 == 0:
            kernel.adj_offset(-round(x), 16 if k else 0)
        x += 20_000 + kernel.second_overflow()
        largest = max(largest, abs(x)) if k > 19_000 else largest
    assert kernel.freq_ppb == pytest.approx(-20_000, abs=1)
    assert largest < 100
