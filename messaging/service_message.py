"""A service message is one thing the programme says of itself, declared in one file (docs/recipes.md).

Its text in the back office, the check of its placeholders, its names in lists, what the gate lets it do and its line in
docs/reference.md are made from the declaration.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class ServiceMessage:
    """What is said, in three languages, and when: the kind is the file's name.

    The texts are the ones shipped, each of one segment; staff may change them and turn the kind off or on. What is
    announced is put into the outbox by `outbox.announce(kind=…)`, with a value for each placeholder.
    """

    name: str | Promise
    announced: str | Promise  # when it is put into the outbox, as staff and docs/reference.md read it
    placeholders: Mapping[str, str]  # with a long example of each
    text_kk: str
    text_ru: str
    text_en: str
    is_answer: bool = False  # to what the subscriber just did: it may leave outside the window (M8)
    is_on: bool = True  # as shipped
