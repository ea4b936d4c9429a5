"""CSV that a spreadsheet cannot be tricked by."""

_DANGEROUS = tuple("=+-@\t\r\n＝＋－＠")  # OWASP's list


def escape(value: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would take for a formula."""
    return f"'{value}" if value.startswith(_DANGEROUS) else value
