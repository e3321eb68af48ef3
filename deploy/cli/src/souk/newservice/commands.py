"""`souk new`: what is laid out for a developer to go on with."""

from typing import Annotated

import typer

from souk.newservice.laying import lay_out

app = typer.Typer(no_args_is_help=True, help="Lay out something new, for you to go on with.")
_NEXT = """
Next: `make check test ARGS=services/{name}` installs and tries it, `make run` runs it beside the others.
docs/add-a-service.md leads on."""


@app.command()
def service(name: Annotated[str, typer.Argument(help="One word of small letters and digits.")]) -> None:
    """Lay out services/NAME and name it wherever services are named."""
    for place in lay_out(name):
        typer.echo(place)
    typer.echo(_NEXT.format(name=name))
