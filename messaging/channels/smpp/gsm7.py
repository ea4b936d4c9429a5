"""Text in the GSM 03.38 default alphabet, an octet a septet: how SMPP carries it under data_coding 0."""

_ESCAPE = 0x1B
# 0x1B is the escape to the extension table; no character stands there.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_OCTETS = {
    **{character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE},
    **{character: bytes([_ESCAPE, code]) for character, code in _EXTENSION.items()},
}


def encode(text: str) -> bytes:
    """Return the text's octets. Raises ValueError, without the text, when a character is not in the tables."""
    try:
        return b"".join(map(_OCTETS.__getitem__, text))
    except KeyError:
        raise ValueError("not in GSM 03.38") from None
