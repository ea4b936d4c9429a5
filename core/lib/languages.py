"""The three languages of everything that people read (J8)."""

LANGUAGES = ("kk", "ru", "en")
