"""What is true of every card number, whoever issued it."""

import re
from typing import Final

_CARD_NUMBER: Final = re.compile(r"[0-9]{12,19}")


def is_card_number(number: str) -> bool:
    """Whether the digits pass the check of ISO/IEC 7812 (Luhn); 4242424242424241 is Stripe's documented failing one."""
    if not _CARD_NUMBER.fullmatch(number):
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
