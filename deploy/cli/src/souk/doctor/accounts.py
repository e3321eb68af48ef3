"""Accounts: sessions end with them, and the copies others keep of users and products are the newest."""

from typing import Final

from souk.doctor.checks import Check, Visit, check

_LIVE_THOUGH_DISABLED: Final = """
SELECT s.id FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE s.ended_at IS NULL AND u.disabled_at < now()
"""
_GENERATIONS: Final = """
SELECT s.id FROM user_sessions s WHERE s.generation IS DISTINCT FROM (
    SELECT max(t.generation) FROM refresh_tokens t WHERE t.session_id = s.id)
"""
_USERS: Final = "SELECT id, version, updated_at AS at FROM users"
_STALE_USERS: Final = """
SELECT u.id, u.at FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS u (id, version, at)
LEFT JOIN {copies} c ON c.user_id = u.id WHERE c.version IS DISTINCT FROM u.version
"""
_PRODUCTS: Final = """
SELECT id, version, amount, currency, status = 'active' AS active, updated_at AS at FROM products
"""
_STALE_PRODUCTS: Final = """
SELECT p.id, p.at
FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::boolean[], $6::timestamptz[])
    AS p (id, version, amount, currency, active, at)
LEFT JOIN products c ON c.id = p.id
WHERE (c.version, c.price_amount, c.currency, c.active) IS DISTINCT FROM (p.version, p.amount, p.currency, p.active)
"""


@check("I21 sessions end with accounts", "auth")
async def sessions_end_with_accounts(visit: Visit) -> None:
    """Nobody is signed in to a stopped account, and each session has one newest refresh token."""
    await visit.saw("auth", "users", "user_sessions")
    await visit.accuse("auth", _LIVE_THOUGH_DISABLED, "This session lives, and its account is stopped.")
    await visit.accuse("auth", _GENERATIONS, "This session's newest refresh token is not the one it counts.")


def _copy_of_users(service: str, table: str) -> Check:
    @check(f"I27 copy of users in {service}", "auth", service)
    async def users_are_copied(visit: Visit) -> None:
        """Every user's newest name and address is known."""
        stale = _STALE_USERS.format(copies=table)
        await visit.confront(("auth", _USERS), (service, stale), f"{service} does not know this user as auth does.")

    return users_are_copied


@check("I27 copy of products in orders", "catalog", "orders")
async def products_are_copied(visit: Visit) -> None:
    """Orders prices what it sells as catalog does."""
    await visit.confront(
        ("catalog", _PRODUCTS), ("orders", _STALE_PRODUCTS), "Orders does not know this product as catalog does."
    )


CHECKS: Final = (
    sessions_end_with_accounts,
    _copy_of_users("payments", "customers"),
    _copy_of_users("notifier", "recipients"),
    products_are_copied,
)
