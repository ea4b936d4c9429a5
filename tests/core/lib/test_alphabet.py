"""Lists for people are in the order of their alphabet."""

from core.lib import alphabet


def test_kazakh_letters_stand_where_the_alphabet_has_them() -> None:
    names = ["Ұзынағаш", "Шымкент", "Өскемен", "Орал", "Қарағанды", "Көкшетау", "Әйет", "Атырау", "Іле", "Ырғыз"]

    assert sorted(names, key=alphabet.place) == [
        "Атырау", "Әйет", "Көкшетау", "Қарағанды", "Орал", "Өскемен", "Ұзынағаш", "Шымкент", "Ырғыз", "Іле",
    ]  # fmt: skip


def test_russian_letters_too_and_case_does_not_matter() -> None:
    assert sorted(["Жезды", "ёлкино", "Ерейментау", "абай"], key=alphabet.place) == [
        "абай", "Ерейментау", "ёлкино", "Жезды",
    ]  # fmt: skip


def test_what_is_shorter_and_what_is_latin_comes_first() -> None:
    assert sorted(["Аксай 2", "Аксай", "Zara", "7 дней"], key=alphabet.place) == ["7 дней", "Zara", "Аксай", "Аксай 2"]
