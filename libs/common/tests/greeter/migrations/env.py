"""Alembic's entry: nothing but the machinery, over the connection that `migrate` opened."""

from sqlalchemy import MetaData

from common.migrations import run_environment

run_environment(MetaData())
