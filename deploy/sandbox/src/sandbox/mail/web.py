"""The mailbox in a browser and as JSON."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.mail.mailbox import Mailbox
from sandbox.pages import render, root_of

# A mail is a stranger's HTML: no scripts, no forms, no access to this origin; links may open a new tab.
_SANDBOX = "sandbox allow-popups allow-popups-to-escape-sandbox"
_POLICY = f"{_SANDBOX}; default-src 'none'; img-src * data:; style-src 'unsafe-inline' *; font-src *"
_PAGE_SIZE = 200
_MOST = 10_000


class MailPages:
    """Routes below `/mail`."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def routes(self) -> Sequence[BaseRoute]:
        """The list, one mail, its HTML and its source, and the JSON door."""
        return [
            Route("/mail", self.index),
            Route("/mail/empty", self.empty_page, methods=["POST"]),
            Route("/mail/messages", self.messages),
            Route("/mail/messages", self.empty, methods=["DELETE"]),
            Route("/mail/{mail:int}", self.show),
            Route("/mail/{mail:int}/html", self.html),
            Route("/mail/{mail:int}/raw", self.raw),
        ]

    async def index(self, request: Request) -> Response:
        """The list."""
        recipient = request.query_params.get("to", "")
        mails = self._mailbox.listed(recipient or None, _PAGE_SIZE)
        return render(request, "mail.html", {"mails": mails, "recipient": recipient, "count": self._mailbox.count()})

    async def messages(self, request: Request) -> Response:
        """All mails as JSON, newest first; `?to=` picks one recipient."""
        return JSONResponse(self._mailbox.listed(request.query_params.get("to"), _MOST))

    async def empty(self, _request: Request) -> Response:
        """Throw all mails away."""
        self._mailbox.empty()
        return Response(status_code=204)

    async def empty_page(self, request: Request) -> Response:
        """Throw all mails away, from the page's button."""
        self._mailbox.empty()
        return RedirectResponse(f"{root_of(request)}/mail", status_code=303)

    async def show(self, request: Request) -> Response:
        """One mail."""
        mail = self._mailbox.find(request.path_params["mail"])
        if mail is None:
            return PlainTextResponse("no such mail", status_code=404)
        return render(request, "message.html", {"mail": mail})

    async def html(self, request: Request) -> Response:
        """A mail's HTML, for the frame only."""
        mail = self._mailbox.find(request.path_params["mail"])
        if mail is None:
            return PlainTextResponse("no such mail", status_code=404)
        page = f'<base target="_blank">{mail["html"]}'
        return HTMLResponse(page, headers={"content-security-policy": _POLICY, "x-content-type-options": "nosniff"})

    async def raw(self, request: Request) -> Response:
        """A mail as it came."""
        mail = self._mailbox.find(request.path_params["mail"])
        if mail is None:
            return PlainTextResponse("no such mail", status_code=404)
        return PlainTextResponse(mail["raw"], headers={"x-content-type-options": "nosniff"})
