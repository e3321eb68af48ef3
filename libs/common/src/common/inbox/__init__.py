"""How a service listens: each fact is stored once, worked once, tried again from a row, and never lost."""

from common.inbox.consumer import Inbox
from common.inbox.policy import InboxPolicy
from common.inbox.retries import Retries
from common.inbox.router import EventRouter

__all__ = ["EventRouter", "Inbox", "InboxPolicy", "Retries"]
