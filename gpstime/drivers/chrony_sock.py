"""chrony's SOCK reference clock: a datagram for each sample, to a socket that chronyd makes when it starts.

The socket may be absent, come, go and come again: each sample looks the path up anew, so whatever is there now gets it, and what is
wrong is a state with a sentence. A datagram that the kernel took is not one that chronyd used: it drops one of another length
without a word (F-D03), so the layout follows chronyd's own `time_t` (refclock_sock.c of chrony 4.0 to 4.8; since 4.4 one on 32 bits
takes both).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct

from gpstime.core.feed import TAKEN, Sample, Taking
from gpstime.errors import UsageError
from gpstime.times import NS

MAGIC = 0x534F434B
LONGEST = 108
"""Bytes of a unix socket's path that the kernel takes (sun_path), with its end."""
_LAYOUTS = {64: struct.Struct("=qqdiiii"), 32: struct.Struct("=iidiiii")}
"""timeval, offset, pulse, leap, padding, magic: 40 bytes, or 32 where `time_t` has 32 bits. Neither has gaps on any processor."""


def packed(sample: Sample, time_bits: int) -> bytes:
    """The datagram. `pulse` is 0: the sample says which second it is. struct.error where 32 bits do not reach (2038)."""
    seconds, ns = divmod(sample.shown, NS)
    return _LAYOUTS[time_bits].pack(seconds, ns // 1000, sample.true_minus_system_s, 0, sample.leap_code, 0, MAGIC)


class ChronySock:
    """Samples for the chronyd whose configuration says `refclock SOCK path`."""

    kind = "sock"

    def __init__(self, path: str, time_bits: int) -> None:
        if len(os.fsencode(path)) >= LONGEST:
            raise UsageError(f"the path {path} is longer than a unix socket's may be: choose a shorter one for [feeds] sock")
        self.to, self._bits = path, time_bits
        self._socket = self._made()

    @staticmethod
    def _made() -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        made.setblocking(False)  # a chronyd that does not read must not stop who measures
        return made

    def offer(self, sample: Sample) -> Taking:
        """Send it; what became of it as far as the kernel tells."""
        try:
            datagram = packed(sample, self._bits)
        except struct.error:
            return Taking("layout", f"the system clock shows a time that {self._bits} bits can't hold")
        try:
            self._socket.sendto(datagram, self.to)
        except OSError as e:
            return self._trouble(e)
        return TAKEN

    def look(self) -> Taking:
        """Whether a sample could be sent now, without sending one."""
        with contextlib.closing(self._made()) as probe:
            try:
                probe.connect(self.to)
            except OSError as e:
                return self._trouble(e)
        return TAKEN

    def _trouble(self, e: OSError) -> Taking:
        path = self.to
        if e.errno in (errno.ENOENT, errno.ENOTDIR):
            why = f"there is no socket {path}: chronyd makes it when it starts with `refclock SOCK {path}` (see gpstime chrony)"
            return Taking("absent", why)
        if e.errno in (errno.EACCES, errno.EPERM):
            return Taking("forbidden", self._forbidden())
        if e.errno in (errno.ECONNREFUSED, errno.EPROTOTYPE, errno.ENOTSOCK):
            return Taking("refused", self._refused(e.errno))
        if e.errno in (errno.EAGAIN, errno.ENOBUFS):
            return Taking("full", f"whoever listens at {path} does not read: is chronyd stopped or stuck?")
        return Taking("error", f"can't send to {path}: {e.strerror or e}")

    def _forbidden(self) -> str:
        path = self.to
        if os.access(path, os.W_OK):
            return (
                f"sending to {path} is refused although its permissions allow it: a security module does it "
                "(journalctl -k | grep -i denied names the profile)"
            )
        return (
            f"user {os.geteuid()} may not send to {path}: chronyd makes it for root only; "
            "hw/chrony/gpstime.conf gives it to the group gpstime at each start of chronyd"
        )

    def _refused(self, number: int) -> str:
        path = self.to
        try:
            is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
        except OSError:
            is_socket = True
        if not is_socket:
            return f"{path} is no socket: remove it, chronyd makes its own when it starts"
        if number == errno.EPROTOTYPE:
            return f"{path} is a socket of another kind: name the one of `refclock SOCK` in [feeds] sock"
        return f"nobody listens at {path}: chronyd has stopped and left it behind; it makes a new one when it starts"

    def close(self) -> None:
        self._socket.close()
