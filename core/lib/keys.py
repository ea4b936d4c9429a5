"""What was keyed on a telephone, whatever gateways and people put around it."""


def unframed(typed: str) -> str:
    """Without the star before it and the hash behind it, which some gateways send along."""
    return typed.strip().removesuffix("#").removeprefix("*")


def bare(typed: str) -> str:
    """One key press or answer: unframed, and without spaces at its ends."""
    return unframed(typed).strip()
