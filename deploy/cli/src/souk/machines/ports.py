"""Free TCP ports on 127.0.0.1 that no other Souk process will pick at the same moment.

A port found by binding to 0 may be given to somebody else before the server binds it. So every process claims a block
of ports outside the kernel's ephemeral range. The claim is an abstract Unix socket: it disappears with the process,
however that dies, and needs no file that another user could not open.
"""

import atexit
import os
import socket
import sys
import threading

FIRST, LAST, BLOCK = 20_000, 32_000, 50

_lock = threading.Lock()
_claims: list[socket.socket] = []
_claimed_by = 0
_untried: list[int] = []


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that is free now and that this function gives nobody else while this process lives."""
    with _lock:
        _forget_the_parents_claims()
        while True:
            if not _untried and not _claim_block():
                return _kernels_choice()
            port = _untried.pop()
            if is_free(port):
                return port


def _forget_the_parents_claims() -> None:
    global _claimed_by  # noqa: PLW0603 - one claim per process, and a fork must notice that it is another
    if _claimed_by != os.getpid():
        _claimed_by = os.getpid()
        _close_claims()
        _untried.clear()


@atexit.register
def _close_claims() -> None:
    while _claims:
        _claims.pop().close()


def _claim_block() -> bool:
    if sys.platform != "linux":
        return False
    for first in range(FIRST, LAST, BLOCK):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0souk-ports-{first}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        _untried.extend(reversed(range(first, first + BLOCK)))
        return True
    return False


def _kernels_choice() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
