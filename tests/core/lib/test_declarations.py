"""A package's files declare one thing each, and a file that does not is named."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.lib import declarations


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty package named `sorts`, forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "sorts"
    folder.mkdir()
    (folder / "__init__.py").touch()
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "sorts"]:
        del sys.modules[name]


def test_each_file_is_found_by_its_name(package: Path) -> None:
    (package / "one.py").write_text("SORT = 'first'\n")
    (package / "two.py").write_text("SORT = 'second'\n")

    assert declarations.find("sorts", name="SORT", kind=str) == {"one": "first", "two": "second"}


@pytest.mark.parametrize("text", ["", "SORT = 3\n"], ids=["nothing", "another thing"])
def test_a_file_that_declares_none_is_named(package: Path, text: str) -> None:
    (package / "hollow.py").write_text(text)

    with pytest.raises(TypeError, match=r"sorts/hollow\.py declares no SORT"):
        declarations.find("sorts", name="SORT", kind=str)
