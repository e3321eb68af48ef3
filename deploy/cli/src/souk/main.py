"""The `souk` command."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import typer
import uvloop
from pydantic import TypeAdapter, ValidationError

from common.broker import TopologyMismatch
from common.sealed import new_key_pair
from common.settings import BadSetting, Duration
from souk import demo as play
from souk import documents, outsiders, parked, running, webhooks
from souk.connect import database_urls
from souk.containers import roll, secrets, welcome
from souk.databases import prepare
from souk.deployment import admin_at
from souk.doctor import doctor as examine_books
from souk.environment import admin_of
from souk.gateway.commands import app as gateway_app
from souk.goods.commands import app as catalog_app
from souk.home import ROOT, SERVICES, Home
from souk.hurt import hurt as hurt_fleet
from souk.machines.binaries import find_programs
from souk.machines.errors import MachineError
from souk.machines.postgres import PostgresServer
from souk.newservice.commands import app as new_app
from souk.prove import Proof
from souk.prove import prove as prove_fleet
from souk.servers import databases_app, topology_app
from souk.settings import given

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Souk: run it, look into it, mend it.")
parked_app = typer.Typer(no_args_is_help=True, help="Events that wait for an operator's decision.")
webhooks_app = typer.Typer(no_args_is_help=True, help="What payment providers have told, and what became of it.")
contracts_app = typer.Typer(no_args_is_help=True, help="The documents made from the code: OpenAPI, AsyncAPI, schemas.")
app.add_typer(parked_app, name="parked")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(databases_app, name="databases")
app.add_typer(topology_app, name="topology")
app.add_typer(contracts_app, name="contracts")
app.add_typer(catalog_app, name="catalog")
app.add_typer(gateway_app, name="gateway")
app.add_typer(new_app, name="new")
for of_containers in (secrets, roll, welcome):
    app.command()(of_containers)

AtHome = Annotated[Path, typer.Option("--home", help="The folder that keeps what a local system remembers.")]
_HOME = ROOT / ".souk"
Passed = Annotated[list[str] | None, typer.Argument(metavar="OPTION…", help="Passed on to the program.")]
EventStatusName = Literal["stored", "unmatched", "applied", "ignored", "foreign", "unreadable"]
T = TypeVar("T")
WireName = Annotated[
    Literal["inprocess", "rabbitmq"], typer.Option(help="inprocess, or rabbitmq: a process per service.")
]


def main() -> None:
    """Run the command; what an operator must mend is one sentence and exit code 1."""
    try:
        app()
    except (BadSetting, TopologyMismatch, MachineError) as error:
        sys.exit(str(error))


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@app.command()
def run(home: AtHome = _HOME, wire: WireName = "inprocess") -> None:
    """Run the whole system with demo data until Ctrl-C."""
    start = running.run if wire == "inprocess" else running.run_processes
    _run(start(Home(home).open(), given(), _port()))


@app.command()
def demo(
    home: AtHome = _HOME,
    wire: WireName = "inprocess",
    url: Annotated[str | None, typer.Option(help="A running system instead of one of the demo's own.")] = None,
) -> None:
    """Watch a customer buy in every way; exits 1 when anything is off."""
    if url is None:
        raise typer.Exit(_run(play.demo_of_own(Home(home / "demo"), given(), wire)))
    base = url.rstrip("/")
    raise typer.Exit(_run(play.demo(base, f"{base}/sandbox", admin_of(Home(home), admin_at(base, given())), {})))


@app.command()
def reset(home: AtHome = _HOME) -> None:
    """Delete everything a local system remembers."""
    PostgresServer(Home(home).postgres).erase()
    Home(home).erase()


@app.command()
def doctor(
    home: AtHome = _HOME,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    truth: Annotated[str | None, typer.Option(help="The provider's own list: http://…/sandbox/truth")] = None,
) -> None:
    """Open every book read-only and check that it balances; exits 1 when one does not."""

    async def examine() -> int:
        async with database_urls(Home(home), given()) as urls:
            return await examine_books(urls, truth_url=truth, as_json=as_json)

    raise typer.Exit(_run(examine()))


@app.command()
def hurt(
    home: AtHome = _HOME,
    seed: Annotated[int, typer.Option(help="What happens in which order.")] = 1,
    only: Annotated[str | None, typer.Option(help="Only these faults, such as F9,F32.")] = None,
    seconds: Annotated[float, typer.Option(help="As many as fit into this time; 0 for all, thoroughly.")] = 0,
) -> None:
    """Break a system of its own in every known way and count what is left; exits 1 when a promise was broken."""
    raise typer.Exit(_run(hurt_fleet(Home(home / "hurt"), given(), seed=seed, only=only, seconds=seconds or None)))


@app.command()
def prove(
    home: AtHome = _HOME,
    seed: Annotated[int, typer.Option(help="What strikes when.")] = 1,
    minutes: Annotated[float, typer.Option(help="How long people buy; six faults a minute.")] = 1,
    rate: Annotated[float, typer.Option(help="How many people come in a second; fewer for a slow machine.")] = 6.2,
    page: Annotated[Path | None, typer.Option(help="Where the HTML page goes.")] = None,
) -> None:
    """Let faults overlap while a crowd buys from a system of its own, then open every book; exits 1 if one is wrong."""
    raise typer.Exit(_run(prove_fleet(Home(home / "prove"), given(), Proof(seed, minutes, rate), page)))


@app.command(context_settings={"ignore_unknown_options": True})
def fuzz(options: Passed = None, home: AtHome = _HOME) -> None:
    """Have Schemathesis try every operation of the API on a system of its own; exits 1 when it finds anything."""
    raise typer.Exit(_run(outsiders.fuzz(Home(home / "fuzz"), given(), options or ())))


@app.command(context_settings={"ignore_unknown_options": True})
def newman(options: Passed = None, home: AtHome = _HOME) -> None:
    """Run the Postman collection on a system of its own; exits 1 when a test of it fails."""
    raise typer.Exit(_run(outsiders.newman(Home(home / "newman"), given(), options or ())))


@app.command()
def migrate(
    service: Annotated[str | None, typer.Argument(help="One of them, or all.")] = None, home: AtHome = _HOME
) -> None:
    """Bring the local databases up to this release."""
    server = PostgresServer(Home(home).open().postgres).start()
    try:
        prepare(server, [service] if service else SERVICES)
    finally:
        server.stop()


@app.command("db-shell")
def db_shell(service: str, home: AtHome = _HOME) -> None:
    """Open psql in a service's database."""

    async def shell() -> int:
        async with database_urls(Home(home), given()) as urls:
            url = urls[service].replace("+asyncpg", "")
            process = await asyncio.create_subprocess_exec(find_programs().bin / "psql", url)
            return await process.wait()

    raise typer.Exit(_run(shell()))


@app.command()
def keys(service: str) -> None:
    """Make a service's key pair for sealed secrets: SEAL_PRIVATE_KEY, and its part of SEAL_PUBLIC_KEYS."""
    private, public = new_key_pair(service)
    typer.echo(f"SEAL_PRIVATE_KEY='{private}'\nSEAL_PUBLIC_KEYS='{json.dumps({service: json.loads(public)})}'")


@parked_app.command("list")
def parked_list(home: AtHome = _HOME) -> None:
    """List parked events: service, id, type, attempts, reason."""
    for row in _run(parked.listing(Home(home), given())):
        typer.echo(f"{row['service']:9} {row['id']} {row['type']:26} {row['attempts']:3}  {row['error']}")


@parked_app.command("show")
def parked_show(event_id: UUID, home: AtHome = _HOME) -> None:
    """Show an event as each service has stored it."""
    typer.echo(json.dumps(_run(parked.showing(Home(home), given(), event_id)), indent=2, default=str))


@parked_app.command("retry")
def parked_retry(
    event_id: Annotated[UUID | None, typer.Argument(help="One of them, or all.")] = None,
    service: Annotated[str | None, typer.Option(help="Only this service's.")] = None,
    home: AtHome = _HOME,
) -> None:
    """Let parked events be tried again."""
    count = _run(parked.retrying(Home(home), given(), service, event_id))
    typer.echo(f"{count} to be tried again")


@webhooks_app.command("list")
def webhooks_list(
    home: AtHome = _HOME,
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    status: Annotated[EventStatusName | None, typer.Option(help="Only those it is so with.")] = None,
    since: Annotated[str | None, typer.Option(help="Only those of so long, such as 2h or 7d.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
) -> None:
    """List stored events, newest first: time, provider, status, attempts, type, the provider's id, why."""
    for row in _run(webhooks.listing(Home(home), given(), (provider, status, _age(since)), limit)):
        moment = row["received_at"].isoformat(timespec="seconds")
        about = f"{row['provider']:9} {row['status']:10} {row['attempts']:3} {row['type']:32}"
        typer.echo(f"{moment} {about} {row['event_ref']}  {row['last_error'] or ''}".rstrip())


@webhooks_app.command("show")
def webhooks_show(name: Annotated[str, typer.Argument(metavar="ID")], home: AtHome = _HOME) -> None:
    """Show an event, by our id or the provider's, with the body as it came; exits 1 when there is none."""
    found = _run(webhooks.showing(Home(home), given(), name))
    typer.echo(json.dumps(found, indent=2, default=str))
    raise typer.Exit(not found)


@webhooks_app.command("replay")
def webhooks_replay(
    names: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ours or the provider's.")] = None,
    home: AtHome = _HOME,
    *,
    unmatched: Annotated[bool, typer.Option("--unmatched", help="All that match nothing of ours.")] = False,
    unreadable: Annotated[bool, typer.Option("--unreadable", help="All that could not be read.")] = False,
) -> None:
    """Let events be applied again by the service; what is true already stays as it is."""
    statuses = [name for name, asked in (("unmatched", unmatched), ("unreadable", unreadable)) if asked]
    if not names and not statuses:
        sys.exit("Name the events, or say --unmatched or --unreadable.")
    count = _run(webhooks.replaying(Home(home), given(), names or [], statuses))
    typer.echo(f"{count} to be applied again")


@contracts_app.command("write")
def contracts_write() -> None:
    """Write the documents under docs/ anew, unless a reader of an event would miss something in it."""
    if taken := list(documents.taken()):
        sys.exit(
            f"Contracts are frozen: {'; '.join(taken)}. Tell it under a new name, beside the old one; "
            "one that was never committed is free once its file is deleted."
        )
    documents.write()


@contracts_app.command("check")
def contracts_check() -> None:
    """Fail when a committed document is not what the code says."""
    stale = [str(file.relative_to(ROOT)) for file in documents.drifted()]
    if stale:
        sys.exit(f"Not what the code says: {', '.join(stale)}. Look at `git diff` after `souk contracts write`.")


def _age(text: str | None) -> timedelta | None:
    try:
        return None if text is None else TypeAdapter(Duration).validate_python(text)
    except ValidationError as error:
        raise BadSetting(f"--since cannot be used: {text!r} is no time such as 30m, 2h or 7d.") from error


def _port() -> int:
    text = given().get("PORT", "").strip() or "8000"
    if not text.isdigit():
        raise BadSetting(f"PORT cannot be used: {text!r} is no port number.")
    return int(text)


if __name__ == "__main__":
    main()
