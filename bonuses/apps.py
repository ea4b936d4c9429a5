from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def load_reference(**kwargs: Any) -> None:
    """Ship the app's data after each migrate."""
    from bonuses import reference  # noqa: PLC0415 - models are not loaded yet when this module is

    reference.load()


class BonusesConfig(AppConfig):
    name = "bonuses"
    label = "bonuses"
    verbose_name = _("Bonuses")

    def ready(self) -> None:
        post_migrate.connect(load_reference, sender=self)
