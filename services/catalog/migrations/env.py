"""Alembic's environment for catalog."""

from catalog.models import Base
from common.migrations import run_environment

run_environment(Base.metadata)
