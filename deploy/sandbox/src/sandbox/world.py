"""What outlives a request and belongs to no provider: the webhook queue, the tasks for later, the settings."""

from dataclasses import dataclass

from sandbox.later import Later
from sandbox.settings import SandboxSettings
from sandbox.webhooks import Webhooks


@dataclass(frozen=True)
class World:
    """What every provider is given."""

    webhooks: Webhooks
    later: Later
    settings: SandboxSettings
