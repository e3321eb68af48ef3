"""Alembic's entry: the service's metadata, over the connection that `migrate` opened."""

from auth.models import Base
from common.migrations import run_environment

run_environment(Base.metadata)
