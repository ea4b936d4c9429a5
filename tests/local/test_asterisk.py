"""Seeing to Asterisk where it cannot be had: said in words, and nothing fails."""

import os
from pathlib import Path

import pytest

from smart.local import asterisk, chroots


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(asterisk, "ROOT", tmp_path / "var" / "asterisk")
    monkeypatch.setattr(asterisk, "_STAMP", tmp_path / "var" / "asterisk" / ".installed")
    return tmp_path / "var"


def test_without_root_it_is_skipped_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], root: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert asterisk.main() == 0
    assert capsys.readouterr().out == (
        "Only root can make a machine in a folder. Tests through a real Asterisk are skipped.\n"
    )
    assert not root.exists()


def test_an_archive_that_gives_out_is_told_and_asked_again_the_next_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(root: Path, **_: object) -> None:
        root.mkdir()
        raise chroots.Unfit("debootstrap could not make a Debian sid: E: no such file.")

    monkeypatch.setattr(chroots, "find_archive", lambda: ("http://archive.example/debian", "bookworm"))
    monkeypatch.setattr(chroots, "make", make)

    for _ in range(2):
        assert asterisk.main() == 0
        said = capsys.readouterr().out.splitlines()
        assert said[0] == "Making a minimal Debian sid in var/asterisk; this is done once and takes minutes."
        assert said[1].endswith("E: no such file. Tests through a real Asterisk are skipped.")
    assert not asterisk.is_here()
