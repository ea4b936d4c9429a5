"""The headings a file of offers may have, by field. Knows no Django: the child process reads it."""

import re
from collections.abc import Sequence

# The first is the template's; the rest is what people write in Russian and Kazakh.
HEADINGS: dict[str, tuple[str, ...]] = {
    "title_ru": ("Title RU", "Title Russian", "Заголовок RU", "Заголовок на русском", "Название RU", "Тақырып RU"),
    "title_kk": ("Title KK", "Title Kazakh", "Title KZ", "Заголовок KK", "Заголовок KZ", "Заголовок на казахском",
                 "Название KK", "Название KZ", "Тақырып KK", "Тақырып қазақша"),
    "title_en": ("Title EN", "Title English", "Заголовок EN", "Заголовок на английском", "Название EN", "Тақырып EN"),
    "text_ru": ("Text RU", "Text Russian", "Текст RU", "Текст на русском", "Мәтін RU"),
    "text_kk": ("Text KK", "Text Kazakh", "Text KZ", "Текст KK", "Текст KZ", "Текст на казахском", "Мәтін KK",
                "Мәтін қазақша"),
    "text_en": ("Text EN", "Text English", "Текст EN", "Текст на английском", "Мәтін EN"),
    "category": ("Category", "Категория", "Санат"),
    "towns": ("Towns", "Town", "Cities", "City", "Города", "Город", "Қалалар", "Қала"),
    "valid_from": ("Valid from", "From", "Действует с", "Дата начала", "Начало", "Басталуы", "Басталу күні"),
    "valid_to": ("Valid to", "Valid until", "To", "Действует до", "Действует по", "Дата окончания", "Окончание",
                 "Аяқталуы", "Аяқталу күні"),
    "discount": ("Discount", "Discount %", "Скидка", "Скидка %", "Жеңілдік", "Жеңілдік %"),
    "interests": ("Interests", "Interest", "Интересы", "Қызығушылықтар"),
    "min_age": ("Min age", "Age", "Возраст", "Минимальный возраст", "Возраст от", "Жасы", "Ең төменгі жас"),
    "channels": ("Channels", "Channel", "Каналы", "Канал", "Арналар", "Арна"),
    "shared_code": ("Code", "Codes", "Promo code", "Промокод", "Код", "Жарнама коды"),
    "uses": ("Uses", "Использований", "Число использований", "Қолдану саны"),
    "phone": ("Phone", "Телефон", "Telephone"),
    "url": ("Link", "URL", "Ссылка", "Сілтеме"),
}  # fmt: skip
REQUIRED = ("category", "valid_from", "valid_to", "channels")
_APART = re.compile(r"[\s_()./:\"-]+")


def fold(heading: str) -> str:
    """Reduce a heading to what is compared: case, spaces and punctuation say nothing."""
    return _APART.sub(" ", heading.replace("\ufeff", "")).strip().casefold()


_FIELDS = {fold(name): field for field, names in HEADINGS.items() for name in names}


def fields_of(headings: Sequence[str]) -> list[str]:
    """Return each column's field; "" for a heading that is not known."""
    return [_FIELDS.get(fold(heading), "") for heading in headings]


def missing(fields: Sequence[str]) -> list[str]:
    """Return the headings without which no row can be an offer, a title and a text in any language among them."""
    lacking = [HEADINGS[field][0] for field in REQUIRED if field not in fields]
    for kind in ("title", "text"):
        if not any(field.startswith(f"{kind}_") for field in fields):
            lacking.append(HEADINGS[f"{kind}_ru"][0])
    return lacking
