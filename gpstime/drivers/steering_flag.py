"""Which gpstime steers this machine's clock: it shows a name with its pid, which the kernel takes back when it ends, however.

The name is that of a socket in Linux's abstract namespace, on which nobody speaks: no file that a kill could leave behind, no
folder that would have to be writable, and whoever wants to know reads /proc/net/unix. Another network namespace (a container's)
does not see it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from pathlib import Path

NAME = "gpstime/steers/"
SHOWN = re.compile(rf" @{NAME}(\d+)$", re.MULTILINE)


def bearers(root: Path = Path("/")) -> tuple[int, ...]:
    """The pids of other gpstimes that steer, each once."""
    try:
        names = (root / "proc/net/unix").read_text("ascii", "replace")
    except OSError:
        return ()
    return tuple(sorted({int(pid) for pid in SHOWN.findall(names)} - {os.getpid()}))


class Flag:
    """`show` it when the clock is steered, `strike` it afterwards. Both may be called twice."""

    def __init__(self) -> None:
        self._shown: socket.socket | None = None

    def show(self) -> None:
        if self._shown is None:
            with contextlib.suppress(OSError):  # a sandbox that has no sockets: nobody will know
                self._shown = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._shown.bind(f"\0{NAME}{os.getpid()}")

    def strike(self) -> None:
        shown, self._shown = self._shown, None
        if shown is not None:
            shown.close()
