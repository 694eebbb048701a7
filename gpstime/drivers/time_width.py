"""How many bits a C program's `time_t` has here: what chrony and ntpd read is laid out by it.

A 64-bit program has 64. A 32-bit one has what its libraries were built for: 32 in Debian 12 for armhf, 64 since Debian 13. A Pi may
run a 32-bit system under a 64-bit kernel, so the kernel does not tell; the program that is to be fed does.
"""

from __future__ import annotations

import ctypes
import os
import sysconfig
from pathlib import Path

PLACES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin:/usr/local/bin"
_ELF, _CLASS_32 = b"\x7fELF", 1


def program(name: str) -> str | None:
    """Where a program is: on the PATH, or where services are, which a user's PATH lacks; None where it is not."""
    for folder in f"{os.environ.get('PATH', '')}:{PLACES}".split(":"):
        path = os.path.join(folder, name)
        if folder and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def own_bits() -> int:
    """The `time_t` that this Python was built with: that of the system's other programs, as a distribution builds both alike."""
    if ctypes.sizeof(ctypes.c_long) == 8:
        return 64
    word = getattr(ctypes, "c_time_t", None)  # since Python 3.12
    size = ctypes.sizeof(word) if word is not None else sysconfig.get_config_var("SIZEOF_TIME_T")
    return 64 if size == 8 else 32


def bits_for(program: str | None, own: int | None = None, own_long: int | None = None) -> int:
    """The `time_t` of `program` (a path; None where none was found: then as this Python). `own`, `own_long`: for tests."""
    own = own_bits() if own is None else own
    own_long = ctypes.sizeof(ctypes.c_long) if own_long is None else own_long
    try:
        with open(Path(program or ""), "rb") as f:
            head = f.read(5)
    except OSError:
        return own
    if len(head) < 5 or head[:4] != _ELF:
        return own
    if head[4] != _CLASS_32:
        return 64
    # A 32-bit program beside a 64-bit Python: what its libraries have is not to be seen from here. chrony takes either since 4.4.
    return own if own_long == 4 else 32
