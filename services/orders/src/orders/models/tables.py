"""What orders' tables have in common."""

from common.db import Base as CommonBase
from common.db import new_metadata


class Base(CommonBase):
    """The base of orders' tables."""

    __abstract__ = True
    metadata = new_metadata()
