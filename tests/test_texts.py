"""Every text a person may read is there in Kazakh and Russian (J8)."""

from smart.local import catalogues


def test_every_message_that_is_used_is_translated() -> None:
    assert catalogues.missing() == set()


def test_no_translation_is_empty_and_none_is_left_over() -> None:
    messages = catalogues.messages()

    assert {msgid for msgid, texts in messages.items() if not (texts.get("kk") and texts.get("ru"))} == set()
    assert set(messages) - catalogues.used() == set()


def test_translations_keep_their_placeholders() -> None:
    for msgid, texts in catalogues.messages().items():
        for text in texts.values():
            assert text.count("%(") == msgid.count("%("), msgid
