"""Payment methods: the test ones by name, cards by number (docs.stripe.com/api/payment_methods)."""

from sandbox.card_numbers import is_card_number
from sandbox.provider import JsonObject
from sandbox.stripe.books import Books
from sandbox.stripe.cards import WRONG_NUMBER, Method, named, numbered
from sandbox.stripe.errors import Answer, ParamsError, StripeError
from sandbox.stripe.objects import new_method


def create_method(books: Books, params: JsonObject) -> Answer:
    """POST /v1/payment_methods."""
    return Answer(200, from_data(books, params))


def named_method(books: Books, name: str) -> JsonObject:
    """The PaymentMethod of an id, or a fresh one for a test name such as `pm_card_visa`. Raises `StripeError`."""
    stand_in = named(name)
    if stand_in is not None:
        return books.add(new_method(stand_in), name)
    return books.get("payment_method", name, "payment_method", 400)


def from_data(books: Books, data: JsonObject) -> JsonObject:
    """A PaymentMethod from `payment_method_data`. Raises `StripeError`."""
    if data.get("type") != "card":
        raise ParamsError("Only cards can be given as data; use a test bank account by its name.", param="type")
    card = data.get("card")
    if not isinstance(card, dict):
        raise ParamsError("Missing required param: card.", code="parameter_missing", param="card")
    billing = data.get("billing_details")
    method = _from_card(card)
    return books.add(new_method(method, billing if isinstance(billing, dict) else None), method.number)


def _number(card: JsonObject) -> str:
    return str(card.get("number") or card.get("token") or "").replace(" ", "").replace("-", "")


def _from_card(card: JsonObject) -> Method:
    number = _number(card)
    by_token = named(f"pm_card_{number.removeprefix('tok_')}") if number.startswith("tok_") else None
    if by_token is not None:
        return by_token
    if not is_card_number(number):
        error = StripeError(WRONG_NUMBER.message, code=WRONG_NUMBER.code, param="number", status=402)
        error.kind = "card_error"
        raise error
    return numbered(number)
