"""What catalog reads from the environment beyond what every service reads."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from common.settings import Duration, ServiceSettings


class CatalogSettings(ServiceSettings):
    """Catalog's own variables."""

    service: ClassVar[str] = "catalog"

    overdue_after: Annotated[Duration, Field(alias="RESERVATION_OVERDUE_AFTER")] = timedelta(hours=1)
    overdue_check: Annotated[Duration, Field(alias="RESERVATION_OVERDUE_CHECK")] = timedelta(minutes=1)
    price_turns: Annotated[Duration, Field(alias="PRICE_TURNS_CHECK")] = timedelta(seconds=1)
