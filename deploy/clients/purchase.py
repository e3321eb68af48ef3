"""A purchase with the Python client: `make clients` checks that it fits what the API says of itself."""

from uuid import uuid4

from souk_client import AuthenticatedClient, Client
from souk_client.api.auth import auth_log_in
from souk_client.api.catalog import catalog_list_products
from souk_client.api.orders import orders_place
from souk_client.models import ItemIn, LoginIn, OrderOut, PageOfProductOut, PaymentIn, PlaceOrder, TokensOut


def buy(base_url: str, email: str, password: str) -> OrderOut:
    """Log in, take the first image, and order it."""
    tokens = auth_log_in.sync(client=Client(base_url=base_url), body=LoginIn(email=email, password=password))
    if not isinstance(tokens, TokensOut):
        raise TypeError(tokens)
    buyer = AuthenticatedClient(base_url=base_url, token=tokens.access_token)
    found = catalog_list_products.sync(client=buyer, kind="digital")
    if not isinstance(found, PageOfProductOut):
        raise TypeError(found)
    wish = PlaceOrder(
        items=[ItemIn(product_id=found.items[0].id, quantity=1)], payment=PaymentIn(provider="stripe", flow="intent")
    )
    order = orders_place.sync(client=buyer, body=wish, idempotency_key=str(uuid4()))
    if not isinstance(order, OrderOut):
        raise TypeError(order)
    return order
