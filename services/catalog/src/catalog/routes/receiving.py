"""A multipart form as it comes in, part by part: nothing of it is kept before somebody wants it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from catalog.errors import UploadMalformed


@dataclass(slots=True)
class Part:
    """A part of a form: a field, or a file with its type."""

    name: str = ""
    content_type: str = ""


class _Reader:
    """Turns the parser's calls into parts and their bytes."""

    def __init__(self) -> None:
        self.found: list[tuple[Part, bytes]] = []
        self.ended = False
        self._part, self._header, self._value = Part(), bytearray(), bytearray()

    def begin(self) -> None:
        self._part = Part()

    def header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_ends(self) -> None:
        name, value = bytes(self._header).lower(), bytes(self._value)
        if name == b"content-disposition":
            _, options = parse_options_header(value)
            self._part.name = options.get(b"name", b"").decode("utf-8", "replace")
        elif name == b"content-type":
            self._part.content_type = value.decode("latin-1").partition(";")[0].strip().lower()
        self._header.clear()
        self._value.clear()

    def headers_end(self) -> None:
        self.found.append((self._part, b""))

    def data(self, data: bytes, start: int, end: int) -> None:
        self.found.append((self._part, data[start:end]))

    def end(self) -> None:
        self.ended = True


async def parts(request: Request) -> AsyncIterator[tuple[Part, bytes]]:
    """Yield each part first with no bytes, then with those it has, as they come in. Raises UploadMalformed."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise UploadMalformed
    reader = _Reader()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin,
                "on_header_field": reader.header,
                "on_header_value": reader.value,
                "on_header_end": reader.header_ends,
                "on_headers_finished": reader.headers_end,
                "on_part_data": reader.data,
                "on_end": reader.end,
            },
        )
        async for chunk in request.stream():
            parser.write(chunk)
            for found in reader.found:
                yield found
            reader.found.clear()
        parser.finalize()
    except FormParserError as error:
        raise UploadMalformed from error
    if not reader.ended:
        raise UploadMalformed
