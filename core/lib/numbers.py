"""Whole numbers that somebody sent."""

_MOST_DIGITS = 9


def whole(text: str) -> int | None:
    """The number, not negative and of nine digits at most; None for what is none.

    int() takes more: spaces, "1_0", digits of other scripts; and raises for thousands of digits.
    """
    is_one = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_one else None
