"""Alembic's environment."""

from common.migrations import run_environment
from notifier.models import Base

run_environment(Base.metadata)
