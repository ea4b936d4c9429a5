"""A foreseen "no": a stable code and a sentence in the reader's language."""

from django.utils.functional import Promise


class Refusal(Exception):
    """A rule says no; nothing was changed.

    `code` is stable (API, reports), `sentence` is a lazy translation (screens, admin), `status` the HTTP answer.
    """

    code: str = "refused"
    sentence: str | Promise = ""
    status: int = 409

    def __init__(self, **details: object) -> None:
        super().__init__(self.code)
        self.details = details

    def __str__(self) -> str:
        return str(self.sentence) % self.details if self.details else str(self.sentence)
