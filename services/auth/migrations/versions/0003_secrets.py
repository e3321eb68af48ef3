"""Signing keys, password hashes and refresh tokens' fingerprints are marked as what auth's own role alone may read."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("COMMENT ON TABLE signing_keys IS 'secret'")
    op.execute("COMMENT ON COLUMN users.password_hash IS 'secret'")
    op.execute("COMMENT ON COLUMN refresh_tokens.fingerprint IS 'secret'")
