"""The order of names in lists for people: the Kazakh alphabet, of which the Russian one is a part in the same order."""

from collections.abc import Iterable

_LETTERS = "аәбвгғдеёжзийкқлмнңоөпрстуұүфхһцчшщъыіьэюя"
_PLACES = {letter: place for place, letter in enumerate(_LETTERS)}
_CYRILLIC = 0x400


def place(name: str) -> list[int]:
    """A key to sort by: Қ after К, not after Я; Latin letters and digits first; case does not matter."""
    return [_CYRILLIC + _PLACES[letter] if letter in _PLACES else ord(letter) for letter in name.casefold()]


def by_name(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Choices (value, name) in the order of their names."""
    return sorted(choices, key=lambda choice: place(choice[1]))
