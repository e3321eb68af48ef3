"""Names as they are looked for: folded words, search terms and slugs."""

import re
import unicodedata
from typing import Final

_LONGEST_SLUG: Final = 80
_MOST_TERMS: Final = 12
# What no decomposition knows, and readers type anyway.
_LETTERS: Final = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)


def fold(text: str) -> str:
    """Return the text's words in small letters without accents, one space between: `Über-Café` is `uber cafe`."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    kept = (" " if _parts(character) else character for character in plain if not unicodedata.combining(character))
    return " ".join("".join(kept).split())


def terms(query: str) -> list[str]:
    """Return what a search looks for: its first dozen words, folded, each once."""
    return list(dict.fromkeys(fold(query).split()))[:_MOST_TERMS]


def slug_of(name: str) -> str:
    """Return a name as a part of a URL: ASCII letters, digits and hyphens; may be empty."""
    return "-".join(re.findall(r"[a-z0-9]+", fold(name)))[:_LONGEST_SLUG].strip("-")


def _parts(character: str) -> bool:
    return not character.isalnum() and not unicodedata.combining(character)
