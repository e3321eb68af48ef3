"""Products in files: whatever is in a line, it is read or named, and a file goes out as it came in."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from souk.client import Client
from souk.environment import Addresses, admin_of
from souk.goods.columns import cells_of, product_of
from souk.goods.reading import FileError, read_lines
from souk.home import Home
from souk.machines.ports import free_port
from souk.onebox import one_process
from souk.seed import SELLER, seed

TEMPO = {"LOG_LEVEL": "ERROR", "ARGON2_PROFILE": "light"}
USD = {"amount": 1000, "currency": "USD"}
SOUK = str(Path(sys.executable).parent / "souk")

MUG = {
    "sku": "M-1",
    "kind": "physical",
    "name": '=A mug, "blue"',
    "price": USD,
    "prices": [{"amount": 900, "currency": "EUR", "valid_from": None, "valid_to": None}],
    "stock": 5,
    "category": "Kitchen/Mugs",
    "tags": ["blue", "warm"],
    "description": "Blue.\nWarm.",
    "metadata": {"maker": "Sara"},
}
SHIRT = {
    "sku": "T-1",
    "kind": "physical",
    "name": "Shirt",
    "variants": [{"options": {"size": size}, "price": USD, "stock": 2} for size in "SM"],
}


def test_a_product_is_the_same_as_cells_and_as_json() -> None:
    for product in (MUG, SHIRT):
        cells = cells_of(product)
        assert product_of(cells) == product
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells.values())


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b'{"sku": "A"}', ""),
        (b"{", "no JSON"),
        (b"[1]", "no JSON object"),
        (b'{"sku": "\xff"}', "no JSON"),
        (b'{"sku": "' + b"x" * 200_001 + b'"}', "longer than"),
    ],
)
def test_a_line_of_json_is_read_or_named(tmp_path: Path, raw: bytes, wrong: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_bytes(b'{"sku": "first"}\n\n' + raw + b'\n{"sku": "last"}')
    first, line, last = read_lines(file)
    assert (first.number, line.number, last.number) == (1, 3, 4)
    assert (first.product, last.product) == ({"sku": "first"}, {"sku": "last"})
    assert line.wrong.startswith(wrong) if wrong else line.product == {"sku": "A"}
    assert (line.product is None) == bool(wrong)


def test_a_line_of_cells_is_read_or_named(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    head = "sku,name,amount,currency,stock,metadata"
    rows = ['A,"One\nline",5,USD,,', "B,Two,5.5,USD,1,", "C,Three,1", "D,Four,1,USD,2,{"]
    file.write_bytes(b"\xef\xbb\xbf" + "\n".join([head, *rows]).encode())
    one, two, three, four = read_lines(file)
    assert one.product == {"sku": "A", "name": "One\nline", "price": {"amount": 5, "currency": "USD"}}
    assert [line.number for line in (one, two, three, four)] == [2, 4, 5, 6]
    assert [line.wrong for line in (two, three, four)] == [
        "amount is a whole number in digits",
        "not as many cells as the first line has columns",
        "metadata is written as JSON",
    ]
    assert [line.sku for line in (two, three, four)] == ["B", "C", "D"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("p.csv", "sku,colour\n"), ("p.csv", "name\n"), ("p.csv", "sku,sku\n"), ("p.csv", ""), ("p.txt", "")],
)
def test_a_file_that_is_none_is_refused_whole(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(FileError):
        list(read_lines(file))


@pytest_asyncio.fixture(scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Addresses]:
    """A furnished system."""
    home = Home(tmp_path_factory.mktemp("goods")).open()
    given = {**TEMPO, "INTERNAL_PORT": str(free_port())}
    async with one_process(home, given, free_port(), lambda _: None) as where:
        async with httpx2.AsyncClient(timeout=30) as http:
            await seed(Client(http, where.public), admin_of(home, {}))
        yield where


Souk = Callable[..., Any]


@pytest.fixture
def souk(system: Addresses) -> Souk:
    """The command as a seller gives it."""
    login = {"SOUK_EMAIL": SELLER[1], "SOUK_PASSWORD": SELLER[2]}

    async def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [SOUK, "catalog", *words, "--url", system.public]
        return await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, env=os.environ | login, check=False
        )

    return run


async def test_a_file_goes_in_and_comes_out_as_it_was(souk: Souk, tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    broken = {"sku": "X", "kind": "physical", "name": "Broken", "price": {"amount": -1, "currency": "USD"}}
    file.write_text("\n".join(json.dumps(product) for product in (MUG, broken, SHIRT)) + "\n{\n")
    tried = await souk("import", str(file), "--dry-run")
    assert tried.stdout.startswith("2 created, 0 updated, 0 unchanged, 2 refused"), tried
    report = tmp_path / "refused.jsonl"
    done = await souk("import", str(file), "--errors", str(report))
    assert (done.returncode, done.stdout) == (1, "2 created, 0 updated, 0 unchanged, 2 refused\n"), done
    told = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(each["line"], each["sku"], each["errors"][0]["pointer"]) for each in told] == [
        (2, "X", "#/price/amount"),
        (4, None, "#"),
    ]
    assert "line 2 (X): #/price/amount" in done.stderr
    for name in ("out.csv", "out.jsonl"):
        out = tmp_path / name
        assert (await souk("export", str(out))).returncode == 0
        again = await souk("import", str(out))
        assert (again.returncode, "0 created, 0 updated, 14 unchanged" in again.stdout) == (0, True), again
    exported = {line["sku"]: line for line in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert MUG.items() <= exported["M-1"].items()


async def test_what_cannot_begin_is_one_sentence(souk: Souk, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("sku,colour\nA,red\n")
    refused = await souk("import", str(file))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "columns that are not known: colour" in refused.stderr
