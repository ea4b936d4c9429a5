"""A kind of transport is one folder and its tests: what else knows it takes it from the registry (docs/recipes.md)."""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from enrollment.models import Subscriber
from messaging.channels import kind as registry
from messaging.channels.kind import COMMON, TransportKind
from messaging.models import Message, TransportHealth
from messaging.sending import dispatch
from smart.local import handset, reference, supervisor
from tests.registry import ROOT, added

PACKAGE = "messaging.channels"
TOY = "post"
KINDS = {**registry.kinds(), "handset": handset.TRANSPORT}


@pytest.fixture
def toy(settings: Any) -> Iterator[TransportKind]:
    """The made-up kind, as if its folder lay in messaging/channels/."""
    with added(PACKAGE, Path(__file__).parent / "toy"):
        registry.kinds.cache_clear()
        found = registry.kinds()[TOY]
        settings.TRANSPORT_KINDS = {**settings.TRANSPORT_KINDS, TOY: found.transport}
        settings.TRANSPORTS = [{"name": "letters", "kind": TOY, **example(found)}]
        yield found
    registry.kinds.cache_clear()
    dispatch._made.clear()


def example(kind: TransportKind) -> dict[str, Any]:
    """An entry of TRANSPORTS_FILE that says everything a kind may be told."""
    return {name: option.example for name, option in kind.options.items()}


def files_with(kind: TransportKind) -> list[Path]:
    """The test files that import the class."""
    module = kind.transport.rpartition(".")[0]
    return [
        path
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if any(isinstance(node, ast.ImportFrom) and node.module == module for node in ast.parse(path.read_text()).body)
    ]


def lacking(name: str, kind: TransportKind, *, page: str) -> list[str]:
    """What a kind is still without, as the one who adds it is told."""
    complaints = [] if files_with(kind) else [f"no test imports {kind.transport}"]
    if import_string(kind.transport).kind != name:
        complaints.append("its class is of another kind")
    if reference.transport_section(name, kind) not in page:
        complaints.append("docs/reference.md has not its options: run `make docs`")
    return complaints


@pytest.mark.parametrize("name", KINDS)
def test_a_transport_has_its_test_and_its_docs(name: str) -> None:
    assert lacking(name, KINDS[name], page=reference.PAGE.read_text()) == []


def test_a_transport_without_test_and_docs_is_named(toy: TransportKind) -> None:
    assert lacking(TOY, toy, page=reference.PAGE.read_text()) == [
        "no test imports messaging.channels.post.transport.PostTransport",
        "docs/reference.md has not its options: run `make docs`",
    ]


class Asked(dict[str, Any]):
    """An entry that remembers what was read from it."""

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__(entry)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().__getitem__(name)


@pytest.mark.django_db
@pytest.mark.parametrize("name", KINDS)
def test_the_options_told_of_are_those_that_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl.create_default_context", lambda **_: Any)  # the examples' CA is not there
    kind, common = KINDS[name], {"name": "x", "weight": 2, "rate": 5}
    entry = Asked({**common, **example(kind)})

    transport = import_string(kind.transport)(entry)
    transport.close()

    # A call's batch is its lines: what all transports share looks for the option, and IvrTransport refuses it.
    assert entry.names - {"batch"} == {*COMMON, *kind.options} - {"batch"}
    assert (transport.name, transport.channels, transport.weight, transport.rate) == ("x", kind.channels, 2, 5)


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, kind in KINDS.items() for option in kind.options if kind.options[option].is_required],
)
def test_what_a_transport_cannot_do_without_is_asked_for(name: str, option: str) -> None:
    kind = KINDS[name]
    entry = {"name": "x", **example(kind)}
    del entry[option]

    with pytest.raises((ImproperlyConfigured, ValueError), match=option):
        import_string(kind.transport)(entry)


def test_declarations_are_read_without_django() -> None:
    """As `make run` reads them, before it knows that there are settings."""
    code = "import sys; from messaging.channels.kind import kinds; kinds(); print('django' in sys.modules)"

    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    assert said.stdout == "False\n"


def test_a_folder_that_declares_no_transport_is_named(tmp_path: Path) -> None:
    (tmp_path / "hollow").mkdir()
    (tmp_path / "hollow/__init__.py").touch()

    with added(PACKAGE, tmp_path), pytest.raises(TypeError, match="messaging/channels/hollow"):
        registry.kinds.__wrapped__()


@pytest.mark.django_db(transaction=True)
def test_a_new_transport_is_known_to_run_and_hands_messages_over(
    toy: TransportKind,
    make_member: Callable[..., Subscriber],
    put: Callable[..., int],
    noon: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "transports.toml"
    file.write_text('[[transport]]\nname = "letters"\nkind = "post"\nstamps = 3\n')
    monkeypatch.setenv("TRANSPORTS_FILE", str(file))
    put(make_member())

    assert supervisor._senders() == []  # it has no process of its own: the worker sends
    assert dispatch.send_for(seconds=5) == 1

    assert import_string(toy.transport).letters == [Message.objects.get().text]
    assert (TransportHealth.objects.get().name, TransportHealth.objects.get().kind) == ("letters", TOY)
