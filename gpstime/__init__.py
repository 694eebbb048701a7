"""gpstime: a Raspberry Pi with a GPS hat as a trustworthy source of time."""

__version__ = "0.1.0"
