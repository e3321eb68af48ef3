"""Alembic's environment for payments."""

from common.migrations import run_environment
from payments.models import Base

run_environment(Base.metadata)
