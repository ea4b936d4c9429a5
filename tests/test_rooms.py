"""The house's one rule, where the import linter cannot look: foreign keys are strings; the README draws the layers."""

import re
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Model

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def layers(container: str = "") -> list[list[str]]:
    """The lines of a layers contract, from the top: of the rooms, or of what is inside one."""
    for contract in CONTRACTS:
        if contract["type"] == "layers" and contract.get("containers", [""]) == [container]:
            return [[name.strip() for name in line.split("|")] for line in contract["layers"]]
    return []


def floors() -> dict[str, tuple[int, int]]:
    """Where a room or a part of one stands, counted from the top: (room, part of it)."""
    found = {}
    for floor, (room,) in enumerate(layers()):
        found[room] = (floor, 0)
        for part, line in enumerate(layers(room)):
            found |= {f"{room}.{name}": (floor, part) for name in line}
    return found


def floor_of(model: type[Model]) -> tuple[int, int] | None:
    """The floor of the model's room; None for a foreign app, on which everybody may stand."""
    return floors().get(model._meta.app_config.name)


@pytest.mark.parametrize("model", apps.get_models(include_auto_created=True), ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model):
    mine = floor_of(model)
    fields = (*model._meta.local_fields, *model._meta.local_many_to_many)
    targets = {field.related_model for field in fields if field.related_model}

    for target in targets:
        if target._meta.app_config is model._meta.app_config or floor_of(target) is None:
            continue
        assert mine is not None, f"{model._meta.label} is no room of the contract"
        assert floor_of(target) > mine, f"{model._meta.label} points up or sideways to {target._meta.label}"


def test_every_room_with_models_has_a_floor():
    ours = [config for config in apps.get_app_configs() if Path(config.path).is_relative_to(ROOT)]
    rooms = [config.name for config in ours if ".venv" not in config.path and list(config.get_models())]

    assert set(rooms) <= set(floors())


def test_every_part_of_a_room_with_layers_has_a_line():
    """A folder added beside the others must say where it stands; single modules may stand at a room's door."""
    for room in ("smart", "surveys", "campaigns", "messaging", "core"):
        folders = {
            path.parent.name
            for path in (ROOT / room).glob("*/__init__.py")
            if path.parent.name not in ("migrations", "management", "templatetags")
        }
        assert folders <= {name for line in layers(room) for name in line}, room


def test_the_readme_draws_the_layers_of_the_contract():
    (picture,) = re.findall(r"## The layers\n.*?\n\n(    .*?)\n\n", (ROOT / "README.md").read_text(), re.DOTALL)
    drawn = [re.split(r" {2,}", line.strip())[0] for line in picture.splitlines()]
    expected = []
    for (room,) in layers():
        parts = [" | ".join(f"{room}.{name}" for name in line) for line in layers(room)]
        expected += parts if room in ("smart", "core") else [room]

    assert drawn == expected
