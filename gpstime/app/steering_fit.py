"""From `[discipline]` of the configuration to a policy and a clock that is really steered."""

from __future__ import annotations

from collections.abc import Callable

from gpstime.app.discipline import rivals
from gpstime.app.settings import Discipline
from gpstime.core.policy import Policy
from gpstime.drivers.steering import SteeringWatch
from gpstime.errors import CaptureUnreadable
from gpstime.ports import Clocks, SteeredClock
from gpstime.store.outages import Outages


def policy_of(d: Discipline, synchronized: bool = False) -> Policy:
    """As the service steers: through the kernel, which carries a phase from its next second on. `synchronized`: the kernel holds
    the clock for right now."""
    return Policy(
        first_step_ns=round(d.first_step_ms * 1e6),
        step_ns=round(d.step_ms * 1e6),
        max_slew_ppb=d.max_slew_ppm * 1e3,
        step_updates=None if isinstance(d.step_updates, str) else d.step_updates,
        panic_ns=round(d.panic_s * 1e9),
        stepout_s=d.stepout_s,
        never_back=d.never_back,
        free_ns=d.free_ms * 1e6,
        next_second=True,
        takeover=d.takeover,
        clock_right=synchronized and not d.trust_receiver,
    )


def outages_of(folder: str, told: Callable[[str], None]) -> Outages:
    """The scores of holdovers so far, beside the record; in memory where there is no record, or where they can't be read."""
    try:
        return Outages(folder or None)
    except CaptureUnreadable as e:
        told(str(e))
        return Outages(None)


def kernel_clock(d: Discipline, clocks: Clocks, watch: SteeringWatch) -> SteeredClock:
    """DeviceBusy where somebody else steers it already."""
    from gpstime.drivers.kernel_clock import KernelClock  # only who steers needs it
    from gpstime.drivers.steering_flag import Flag

    rivals(watch.who(), d.takeover)
    return KernelClock(clocks, on_frequency=watch.expect, on_stranger=watch.found, beats=True, flag=Flag())
