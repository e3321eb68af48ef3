"""HTML pages: the templates and what every page is told."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

_templates = Environment(
    loader=PackageLoader("sandbox"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def root_of(request: Request) -> str:
    """Where the sandbox is mounted, without a slash at the end."""
    root: str = request.scope.get("sandbox_root", "")
    return root


def render(request: Request, template: str, values: Mapping[str, object]) -> HTMLResponse:
    """A page; templates know the mount point as `root`."""
    return HTMLResponse(_templates.get_template(template).render(root=root_of(request), **values))
