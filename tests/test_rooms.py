"""The house's one rule, where the import linter cannot look: foreign keys are written as strings."""

import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.db.models import Model

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def floors() -> dict[str, int]:
    """The floor of each room, counted from the top, as the import contract lists them."""
    (contract,) = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]["contracts"]
    return {
        room.strip(): floor
        for floor, line in enumerate(contract["layers"])
        for room in line.replace("|", ":").split(":")
    }


def floor_of(model: type[Model]) -> int | None:
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
    ours = [config for config in apps.get_app_configs() if Path(config.path).is_relative_to(PYPROJECT.parent)]
    rooms = [config.name for config in ours if ".venv" not in config.path and list(config.get_models())]

    assert set(rooms) <= set(floors())
