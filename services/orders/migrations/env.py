"""Alembic's environment for orders."""

from common.migrations import run_environment
from orders.models import Base

run_environment(Base.metadata)
