"""The HTTP door's machinery: strict input, problems as answers, one transaction per request, idempotency, paging."""

from common.http.app import create_app
from common.http.deps import Reading, Tx
from common.http.idempotency import Once, once
from common.http.paging import Cursor, Page, PageOf
from common.http.prefer import Wait
from common.http.strict import StrictRoute, hot, read_query, router

__all__ = [
    "Cursor",
    "Once",
    "Page",
    "PageOf",
    "Reading",
    "StrictRoute",
    "Tx",
    "Wait",
    "create_app",
    "hot",
    "once",
    "read_query",
    "router",
]
