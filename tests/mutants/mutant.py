"""A mutant: one change of one file that breaks a rule."""

from dataclasses import dataclass


class Stale(Exception):
    """The old text does not stand in its file exactly once: the file has changed, and the row must follow."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A row of the gate.

    `rule` is an id of docs/rules.md; `file` a path from the root; `old` stands in it exactly once and becomes `new`.
    `tests` are those to ask first, as pytest takes them, separated by blanks; then all others that cite the rule are
    asked. `is_seeded`: `migrate` fills tables from the file, so the mutant gets a database of its own making.
    """

    rule: str
    file: str
    old: str
    new: str
    tests: str
    is_seeded: bool = False

    @property
    def name(self) -> str:
        """The row in one line."""
        return f"{self.rule} {self.file}: {self._short(self.old)} → {self._short(self.new)}"

    def apply(self, text: str) -> str:
        """Return the file's text with the change made. Raises Stale."""
        count = text.count(self.old)
        if count != 1:
            raise Stale(f"{self.name}: the old text stands there {count} times")
        return text.replace(self.old, self.new)

    @staticmethod
    def _short(text: str) -> str:
        line = " ".join(text.split()) or "nothing"
        return line if len(line) <= 60 else f"{line[:57]}..."
