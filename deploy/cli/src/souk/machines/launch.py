"""Become another program that dies with its starter and, for root, runs as another user.

Run as a script by `processes`, with nothing but the standard library:
`launch.py PARENT SIGNAL UID GID CAPABILITY COMMAND…`, where -1 means "leave it as it is".
It is a script and not a `preexec_fn`, because that is unsafe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 28, 47, 2
NO_SETUID_FIXUP = 1 << 2
CAPABILITY_VERSION_3 = 0x20080522
UNCHANGED = -1


def main() -> None:
    """Drop to the wanted user, tie this process to its parent, and become the command."""
    parent, death, uid, gid, capability = (int(word) for word in sys.argv[1:6])
    if uid != UNCHANGED:
        become(uid, gid, capability)
    if death != UNCHANGED and sys.platform == "linux":
        # Only now: the kernel forgets the wish when the user changes.
        prctl(PR_SET_PDEATHSIG, death)
        if os.getppid() != parent:
            sys.exit("The process that asked for this one is gone already.")
    os.execvp(sys.argv[6], sys.argv[6:])  # noqa: S606 - becoming that program is the purpose


def become(uid: int, gid: int, capability: int) -> None:
    """Change the user for good, keeping at most the one capability, for programs started from here too."""
    if capability != UNCHANGED:
        # Capabilities then stay when the user changes, and access(2), with which PostgreSQL's programs look for each
        # other, heeds them too.
        prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability != UNCHANGED:
        keep_only(capability)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def keep_only(capability: int) -> None:
    """Have exactly one capability: effective, permitted and inheritable (capset(2))."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(*([1 << capability] * 3))
    check(ctypes.CDLL(None, use_errno=True).capset(header, sets))


def prctl(option: int, *arguments: int) -> None:
    """Call prctl(2), which wants unused arguments to be zero."""
    words = [ctypes.c_ulong(word) for word in (*arguments, 0, 0, 0, 0)[:4]]
    check(ctypes.CDLL(None, use_errno=True).prctl(option, *words))


def check(result: int) -> None:
    """Turn -1 and errno into an exception."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    # A starter that ignores Ctrl-C must not make its children deaf to their own stop signal.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
