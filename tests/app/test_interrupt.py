"""Ctrl-C: between two events, while waiting, and twice."""

import signal
import threading

import pytest

from gpstime.app.interrupt import Interruptible


def test_while_an_item_is_worked_on_it_is_finished_first():
    worked = []
    with Interruptible() as interrupt:
        for item in interrupt.each(iter(range(5))):
            if item == 2:
                signal.raise_signal(signal.SIGINT)
            worked.append(item)  # reached although the signal came before it
    assert worked == [0, 1, 2]
    assert interrupt.interrupted


def test_while_waiting_the_wait_is_broken():
    def silent_pipe():
        yield 1
        signal.raise_signal(signal.SIGINT)
        yield 2  # would have come

    with Interruptible() as interrupt:
        assert list(interrupt.each(silent_pipe())) == [1]
    assert interrupt.interrupted


def test_a_second_ctrl_c_ends_everything():
    with Interruptible():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signal_is_given_back(number):
    before = signal.getsignal(number)
    with Interruptible():
        assert signal.getsignal(number) != before
    assert signal.getsignal(number) == before


def test_sigterm_ends_it_like_ctrl_c():
    with Interruptible() as interrupt:
        for item in interrupt.each(iter(range(5))):
            if item == 1:
                signal.raise_signal(signal.SIGTERM)
    assert (item, interrupt.interrupted) == (1, True)


def test_outside_the_main_thread_it_does_no_harm():
    seen = []

    def work():
        with Interruptible() as interrupt:
            seen.extend(interrupt.each(iter(range(3))))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0, 1, 2]
