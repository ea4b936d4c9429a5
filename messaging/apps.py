from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def load_reference(**kwargs: Any) -> None:
    """Ship the app's data after each migrate."""
    from messaging import reference  # noqa: PLC0415 - models are not loaded yet when this module is

    reference.load()


class MessagingConfig(AppConfig):
    name = "messaging"
    label = "messaging"
    verbose_name = _("Messages")

    def ready(self) -> None:
        post_migrate.connect(load_reference, sender=self)
