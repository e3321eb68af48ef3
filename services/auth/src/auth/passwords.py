"""Passwords and their Argon2id hashes, worked on by two threads so that a crowd of logins cannot eat the memory."""

import asyncio
import base64
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from auth.domain import normal_password

T = TypeVar("T")
Profile = Literal["standard", "light"]
_AT_ONCE, _PATIENCE, _NICE = 2, 15.0, 10
_HASHERS: Final[dict[Profile, PasswordHasher]] = {
    "standard": PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY),  # 64 MiB, 3 rounds, 4 lanes
    "light": PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1, type=Type.ID),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether a password fits, and a hash to keep instead where the kept one was made with weaker parameters."""

    fits: bool
    better: str | None = None


class Hasher:
    """Hashes and checks passwords; raises TimeoutError when too many wait before it."""

    def __init__(self, profile: Profile) -> None:
        self._argon2 = _HASHERS[profile]
        # Threads of its own rather than a semaphore: a request that gave up does not make room for one thread more.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2", initializer=_step_back)
        self._nobodys = _hash_of_nothing(self._argon2)

    async def hash(self, password: str) -> str:
        """Return a password's hash."""
        return await self._work(lambda: self._argon2.hash(normal_password(password)))

    async def check(self, kept: str | None, password: str) -> Checked:
        """Say whether a password fits the kept hash; without one (nobody has that address) the work is the same."""
        return await self._work(lambda: self._check(kept or self._nobodys, normal_password(password)))

    async def close(self) -> None:
        """Let the threads end, and forget what waits for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _check(self, kept: str, password: str) -> Checked:
        try:
            self._argon2.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return Checked(fits=False)
        weaker = self._argon2.check_needs_rehash(kept)
        return Checked(fits=True, better=self._argon2.hash(password) if weaker else None)

    async def _work(self, work: Callable[[], T]) -> T:
        async with asyncio.timeout(_PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _step_back() -> None:
    """Let those who answer requests go first; a hash, and the threads it starts, take what processors have left."""
    if sys.platform == "linux":  # elsewhere a thread has no such number
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _hash_of_nothing(argon2: PasswordHasher) -> str:
    """Return a well-formed hash that no password has."""
    salt, digest = (_b64(secrets.token_bytes(size)) for size in (argon2.salt_len, argon2.hash_len))
    costs = f"m={argon2.memory_cost},t={argon2.time_cost},p={argon2.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
