"""Programs that set or steer a system clock, by the name that the kernel shows of their process."""

from __future__ import annotations

STEERERS = {
    "chronyd": "chronyd",
    "ntpd": "ntpd",
    "ntp-daemon": "ntpd-rs",
    "systemd-timesyn": "systemd-timesyncd",  # the kernel keeps 15 characters of a name
    "systemd-timesyncd": "systemd-timesyncd",
    "phc2sys": "phc2sys",
    "ptp4l": "ptp4l",  # with software time stamps it steers the system clock itself
    "openntpd": "openntpd",
}
"""Programs that set or slew the system clock, by the kernel's name for the process."""
