"""What every table here shares, and the copy of the customers."""

from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base as CommonBase
from common.db import new_metadata


class Base(CommonBase):
    """The base of payments' tables."""

    __abstract__ = True
    metadata = new_metadata()


class Customer(Base):
    """Payments' copy of a user's name and address: the only personal data here; the highest version wins."""

    __tablename__ = "customers"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    version: Mapped[int]
