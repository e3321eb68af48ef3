"""Fields: what a request may hold, normalised to one form."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from common.http.fields import Currency, Email, Id, Line, Metadata, MoneyIn, MoneyOut, Strict, Text, Time, TimeOut
from common.money import Money


class Body(Strict):
    id: Id | None = None
    text: Text | None = None
    line: Line | None = None
    email: Email | None = None
    time: Time | None = None
    currency: Currency | None = None
    metadata: Metadata | None = None


def refused(field, value):
    with pytest.raises(ValidationError) as caught:
        Body.model_validate({field: value})
    return caught.value.errors()[0]["type"]


@pytest.mark.parametrize("field", ["text", "line"])
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("a\x00b", "control_character"),
        ("a\x1bb", "control_character"),
        ("a\x85b", "control_character"),
        ("gnp.\u202eexe", "control_character"),
        ("\u2066a\u2069", "control_character"),
        ("zero\u200bwidth", "control_character"),
        ("\ufeffa", "control_character"),
        ("   ", "blank"),
        ("\u2060\u00ad", "blank"),
        (5, "string_type"),
    ],
)
def test_text_is_text_that_can_be_read(field, value, code):
    assert refused(field, value) == code


@pytest.mark.parametrize("value", ["a\nb", "a\tb", "a\u2028b", "a\u2029b", "a\r\nBcc: b"])
def test_a_line_is_one_line(value):
    assert refused("line", value) == "control_character"


def test_text_may_have_lines_and_is_kept_verbatim_in_nfc():
    text = "<script>{{7*7}} =cmd() ' OR 1=1\n\ttwo"
    assert Body(text=text).text == text
    assert Body(line="  Cafe\u0301  ").line == "Café"
    assert Body(line="👩\u200d👩\u200d👧 नी\u200dल").line == "👩\u200d👩\u200d👧 नी\u200dल"
    assert Body(text="").text == ""


@pytest.mark.parametrize(
    "value",
    [
        "a@b",
        "a b@c.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example,c@d.example",
        "A <a@b.example>",
        '"a b"@c.example',
        "a@" + "b" * 250 + ".example",
        "a" * 65 + "@b.example",
        "\N{CYRILLIC SMALL LETTER A}dmin@b.example",
        "\N{LATIN SMALL LETTER LONG S}@b.example",
        "\N{LATIN SMALL LETTER DOTLESS I}@b.example",
        "a@-b.example",
        "@b.example",
        "a@b..example",
    ],
)
def test_what_is_not_one_plain_address_is_refused(value):
    assert refused("email", value) == "email"


def test_an_address_has_one_form():
    assert Body(email=" Ann.O'Neil+x@Example.COM ").email == "ann.o'neil+x@example.com"
    assert Body(email="\u212a@b.example").email == "k@b.example"  # the Kelvin sign is a K by NFC


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T10:00:00",
        "2026-11-21",
        1700000000,
        "1700000000",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2026-11-21T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2026-13-01T00:00:00Z",
        "2026-11-21 10:00:00Z",
        "2026-11-21T10:00:00+25:00",
    ],
)
def test_only_rfc_3339_with_an_offset_is_a_time(value):
    assert refused("time", value)


def test_a_time_keeps_its_moment_and_is_answered_in_utc():
    time = Body(time="2026-11-21T10:00:00+14:00").time
    assert time == datetime(2026, 11, 20, 20, tzinfo=UTC)
    assert Body(time=time).time == time
    assert TypeAdapter(TimeOut).dump_python(time) == "2026-11-20T20:00:00Z"
    local = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=2)))
    assert TypeAdapter(TimeOut).dump_python(local) == "2026-01-01T10:00:00.500000Z"


def test_an_id_has_one_form():
    id_ = "01a1fd1b-c756-7138-b9a1-1123c0c82637"
    assert Body(id=id_).id == UUID(id_)
    assert Body(id=UUID(id_)).id == UUID(id_)
    for wrong in (id_.upper(), f"{{{id_}}}", f"urn:uuid:{id_}", id_.replace("-", ""), 42, ""):
        assert refused("id", wrong) == "uuid"


@pytest.mark.parametrize("value", ["usd", "ZZZ", "", "US", "USDD", "BTC"])
def test_a_currency_is_an_iso_code_in_capitals(value):
    assert refused("currency", value)


@pytest.mark.parametrize(
    "value",
    [
        {f"k{number}": "" for number in range(51)},
        {"k" * 41: ""},
        {"k": "v" * 501},
        {"k": 5},
        {"k\x00": "v"},
        {"k": "v\u202e"},
        {"k": {"deep": "v"}},
        [],
    ],
)
def test_metadata_is_a_small_map_of_texts(value):
    assert refused("metadata", value)


def test_metadata_is_normalised():
    assert Body(metadata={"Cafe\u0301": "e\u0301"}).metadata == {"Café": "é"}


@pytest.mark.parametrize(
    "value",
    [
        {"amount": -1, "currency": "USD"},
        {"amount": 10**12 + 1, "currency": "USD"},
        {"amount": 1.0, "currency": "USD"},
        {"amount": "1", "currency": "USD"},
        {"amount": True, "currency": "USD"},
        {"amount": 1, "currency": "usd"},
        {"amount": 1},
        {"amount": 1, "currency": "USD", "exponent": 2},
    ],
)
def test_money_is_whole_minor_units_with_a_currency(value):
    with pytest.raises(ValidationError):
        MoneyIn.model_validate(value)


def test_money_goes_in_and_comes_out():
    assert MoneyIn(amount=2599, currency="USD").money() == Money(2599, "USD")
    assert MoneyOut.of(Money(2599, "USD")).model_dump() == {"amount": 2599, "currency": "USD"}
    assert issubclass(MoneyOut, BaseModel)
