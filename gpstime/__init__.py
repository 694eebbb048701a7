"""gpstime: a Raspberry Pi with a GPS hat as a trustworthy source of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpstime.drivers.rtc import open_kernel_rtc, open_rtc

__version__ = "0.1.0"
__all__ = ["__version__", "open_kernel_rtc", "open_rtc"]


def __getattr__(name: str) -> Any:
    """The public names are loaded when they are asked for: `import gpstime` costs next to nothing on a Pi Zero."""
    if name in ("open_kernel_rtc", "open_rtc"):
        from gpstime.drivers import rtc

        return getattr(rtc, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
