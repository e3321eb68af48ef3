"""Webhooks that are refused because no secret verifies them: the log has the first, and then one in a while."""

import time
from typing import Final

import structlog

log = structlog.get_logger(__name__)
_EVERY: Final = 600.0  # seconds


class Unheard:
    """Counts a provider's refused webhooks; whoever sends many does not fill the log."""

    def __init__(self, provider: str) -> None:
        self._provider, self._refused, self._told = provider, 0, -_EVERY

    def refused(self) -> None:
        """Note that a webhook was refused."""
        self._refused += 1
        if time.monotonic() - self._told < _EVERY:
            return
        sentence = f"{self._provider.upper()}_WEBHOOK_SECRET is not set: webhooks are refused, payments are polled."
        log.warning(sentence, provider=self._provider, refused=self._refused)
        self._told = time.monotonic()
