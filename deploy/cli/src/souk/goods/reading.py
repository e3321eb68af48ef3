"""Reading products from a file, a line at a time, whatever is in it."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from souk.goods.columns import COLUMNS, CellError, product_of, sku_of

Json = dict[str, Any]
_LONGEST: Final = 200_000  # bytes of a line; the API takes 256 kB
csv.field_size_limit(_LONGEST)


class FileError(Exception):
    """The file as a whole cannot be imported."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file, counted from 1: the product it stands for, or what is wrong with it. `read` is in bytes.

    `sku` is whose line it is, where that was read of a line that otherwise cannot be.
    """

    number: int
    product: Json | None
    wrong: str
    read: int
    sku: str | None = None


def read_lines(path: Path) -> Iterator[Line]:
    """Yield a file's lines, `.csv` with a head or `.jsonl`, as they are asked for; raises FileError."""
    if path.suffix not in {".csv", ".jsonl"}:
        raise FileError(f"{path.name} is neither .csv nor .jsonl")
    with path.open("rb") as file:
        yield from (_csv if path.suffix == ".csv" else _jsonl)(file)


def _jsonl(file: BinaryIO) -> Iterator[Line]:
    number = 0
    while raw := file.readline(_LONGEST + 1):
        number += 1
        if len(raw) > _LONGEST and not raw.endswith(b"\n"):
            while (rest := file.readline(_LONGEST)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, None, f"longer than {_LONGEST:,} bytes", file.tell())
        elif raw.strip():
            yield _line(number, raw, file.tell())


def _line(number: int, raw: bytes, read: int) -> Line:
    try:
        found = json.loads(raw.decode())
    except ValueError as error:
        return Line(number, None, f"no JSON: {error}", read)
    if not isinstance(found, dict):
        return Line(number, None, "no JSON object", read)
    return Line(number, found, "", read)


def _csv(file: BinaryIO) -> Iterator[Line]:
    rows = csv.reader(_text(file), strict=True)
    head = [name.strip() for name in next(rows, [])]
    if unknown := sorted(set(head) - set(COLUMNS)):
        raise FileError(f"columns that are not known: {', '.join(unknown)}; there are {', '.join(COLUMNS)}")
    if len(set(head)) < len(head) or "sku" not in head:
        raise FileError("the first line names the columns, each once, and one of them is sku")
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            yield Line(number, None, f"no CSV: {error}", file.tell())
            continue
        if row:
            yield _row(number, dict(zip(head, row, strict=False)), len(row) == len(head), file.tell())


def _row(number: int, cells: dict[str, str], whole: bool, read: int) -> Line:  # noqa: FBT001 - what was found
    if not whole:
        return Line(number, None, "not as many cells as the first line has columns", read, sku_of(cells))
    try:
        return Line(number, product_of(cells), "", read)
    except CellError as error:
        return Line(number, None, str(error), read, sku_of(cells))


def _text(file: BinaryIO) -> Iterator[str]:
    """Yield the file as lines of text; a byte order mark is not part of the first."""
    for number, raw in enumerate(file):
        yield raw.decode("utf-8-sig" if number == 0 else "utf-8", errors="replace")
