"""`souk catalog import` and `export`."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Annotated, Any, TextIO

import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from souk.client import ApiError, Client
from souk.goods.fetching import fetch_products, write_products
from souk.goods.reading import FileError, Line, read_lines
from souk.goods.sending import Importer, Manner, Refused

app = typer.Typer(no_args_is_help=True, help="Products in files.")
_SHOWN = 20
_EVERY = 5_000  # lines between two words to where no bar can be drawn

Url = Annotated[str, typer.Option(envvar="PUBLIC_URL", help="Where the API is.")]
Email = Annotated[str, typer.Option(envvar="SOUK_EMAIL", help="Who imports or exports: a seller, or an administrator.")]
Password = Annotated[str, typer.Option(envvar="SOUK_PASSWORD", help="Their password.", prompt=True, hide_input=True)]
Seller = Annotated[str | None, typer.Option(help="The seller's id, where an administrator acts for one.")]
_HERE = "http://127.0.0.1:8000"


@app.command("import")
def import_products(  # noqa: PLR0913, PLR0917 - the command's options
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="products.csv or products.jsonl")],
    email: Email,
    password: Password,
    url: Url = _HERE,
    seller: Seller = None,
    errors: Annotated[Path | None, typer.Option(help="Where to write every refused line, as JSON lines.")] = None,
    share: Annotated[float, typer.Option(min=0.05, max=1, help="Which share of the time to work.")] = 0.25,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would become of it; change nothing.")] = False,  # noqa: FBT002 - as typer has it
) -> None:
    """Put up and change products, each known by its sku: the same file again changes nothing.

    Exits 1 if any line is refused.
    """
    manner = Manner(seller, dry_run, share)
    counts = _doing(_import(file, manner, errors, _account(url, email, password)))
    words = ", ".join(f"{counts[state]:,} {state}" for state in ("created", "updated", "unchanged", "refused"))
    typer.echo(f"{words}{' (nothing was changed: a dry run)' if dry_run else ''}")
    raise typer.Exit(bool(counts["refused"]))


@app.command("export")
def export_products(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="products.csv or products.jsonl")],
    email: Email,
    password: Password,
    url: Url = _HERE,
    seller: Seller = None,
) -> None:
    """Write a seller's products, drafts and archived ones too, as `import` reads them."""
    if file.suffix not in {".csv", ".jsonl"}:
        sys.exit(f"{file.name} is neither .csv nor .jsonl")
    found = _doing(_export(file, seller, _account(url, email, password)))
    typer.echo(f"{found:,} products")


Account = Callable[[httpx2.AsyncClient], Callable[[], Awaitable[Client]]]


def _account(url: str, email: str, password: str) -> Account:
    return lambda http: lambda: Client(http, url).login(email, password)


def _doing(work: Any) -> Any:  # noqa: ANN401 - a coroutine and what it returns
    try:
        return asyncio.run(work)
    except (FileError, ApiError, httpx2.TransportError) as error:
        sys.exit(str(error) or repr(error))


async def _import(file: Path, manner: Manner, errors: Path | None, account: Account) -> Counter[str]:
    size = file.stat().st_size  # noqa: ASYNC240 - nothing else runs yet
    async with httpx2.AsyncClient(timeout=60) as http:
        with ExitStack() as stack:
            report = stack.enter_context(errors.open("w", encoding="utf-8")) if errors else None
            importer = Importer(account(http), manner, _refusals(report))
            await importer.send(read_lines(file), _progress(stack, size))
            return importer.counts


def _refusals(report: TextIO | None) -> Refused:
    shown = count(1)

    def refused(number: int, sku: object, problems: list[dict[str, Any]]) -> None:
        if report:
            report.write(json.dumps({"line": number, "sku": sku, "errors": problems}, ensure_ascii=False) + "\n")
        if next(shown) <= _SHOWN:
            words = "; ".join(f"{each['pointer']} {each['code']}: {each['detail']}" for each in problems)
            typer.echo(f"line {number} ({sku or 'no sku'}): {words}", err=True)

    return refused


async def _export(file: Path, seller: str | None, account: Account) -> int:
    async with httpx2.AsyncClient(timeout=60) as http:
        return await write_products(fetch_products(account(http), seller), file)


def _progress(stack: ExitStack, size: int) -> Callable[[Line, Counter[str]], None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        return _tell_now_and_then
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = stack.enter_context(Progress(*columns, console=console))
    task = bar.add_task("importing", total=size)

    def move(line: Line, counts: Counter[str]) -> None:
        bar.update(task, completed=line.read, description=f"{counts.total():,} lines, {counts['refused']:,} refused")

    return move


def _tell_now_and_then(line: Line, counts: Counter[str]) -> None:
    if line.number // _EVERY != (line.number - 100) // _EVERY:
        typer.echo(f"line {line.number:,}: {counts['refused']:,} refused", err=True)
