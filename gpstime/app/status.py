"""The status socket: whoever may open it gets one JSON object and the connection is closed. Only the socket's group may.

The answer is made by the thread that thinks, between two events, so that it is of one piece.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable

from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing, UsageError

PATIENCE_S = 5.0
LONGEST = 108
"""Bytes of a unix socket's path that the kernel takes (sun_path), with its end."""


class StatusSocket:
    """Listens at `path`; `ask(question)` has the question called by the thinking thread; `answer()` is the object to send."""

    def __init__(self, path: str, ask: Callable[[Callable[[], None]], None], answer: Callable[[], object]) -> None:
        self.path, self._ask, self._answer = path, ask, answer
        if len(os.fsencode(path)) >= LONGEST:
            raise UsageError(f"the status socket's path {path} is longer than a unix socket's may be: choose a shorter one")
        _clear_way(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        before = os.umask(0o117)  # rw for owner and group from the first moment on
        try:
            self._socket.bind(path)
        except OSError as e:
            self._socket.close()
            raise DeviceError(
                f"can't make the status socket {path}: {e.strerror or e}; give [service] socket a folder that user "
                f'{os.getuid()} may write to, or "" for none'
            ) from None
        finally:
            os.umask(before)
        self._socket.listen(4)
        self._thread = threading.Thread(target=self._serve, name="status", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(PATIENCE_S)
                connection.sendall(self._reply())

    def _reply(self) -> bytes:
        done, found = threading.Event(), [b'{"status":"busy","why":"the thread that measures did not answer"}\n']

        def question() -> None:
            found[0] = json.dumps(self._answer(), separators=(",", ":")).encode() + b"\n"
            done.set()

        self._ask(question)
        done.wait(PATIENCE_S)
        return found[0]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for a connection
        self._socket.close()
        if self._thread.is_alive():
            self._thread.join(PATIENCE_S)
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def check_place(path: str) -> None:
    """DeviceError where a socket could never be made, before anything else is begun."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise DeviceError(f"the folder {folder} of the status socket is not there: {_PLACE}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DeviceForbidden(f"user {os.getuid()} may not write to {folder}, where the status socket is to be: {_PLACE}")


_PLACE = (
    'make it, or give [service] socket a folder that this user may write to, or "" for none (systemd makes the default one for the '
    "service)"
)


def _clear_way(path: str) -> None:
    """A socket that nobody listens to any more is removed; one that somebody does is a second service; anything else is kept."""
    try:
        kind = os.lstat(path).st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(kind):
        raise UsageError(f"{path} is there and is no socket: name another [service] socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PATIENCE_S)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass  # bind will say what is wrong
        else:
            raise DeviceBusy(f"another gpstime run listens at {path}: stop it, or name another [service] socket")


def ask_status(path: str) -> dict[str, object]:
    """The object of the service that listens at `path`; DeviceMissing, DeviceForbidden or DeviceError with what to do."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(2 * PATIENCE_S)
            s.connect(path)
            parts = []
            while part := s.recv(65536):
                parts.append(part)
        found = json.loads(b"".join(parts))
    except (FileNotFoundError, ConnectionRefusedError):
        raise DeviceMissing(f"no gpstime run listens at {path}: systemctl start gpstime, or gpstime run in a terminal") from None
    except PermissionError:
        raise DeviceForbidden(
            f"{path} is for its group only: sudo usermod -aG gpstime $USER, then log in again, or ask with sudo"
        ) from None
    except (OSError, ValueError) as e:
        raise DeviceError(f"the service at {path} gave no answer ({e}): see journalctl -u gpstime") from None
    if not isinstance(found, dict):
        raise DeviceError(f"what listens at {path} is no gpstime: name its socket with --socket")
    return found
