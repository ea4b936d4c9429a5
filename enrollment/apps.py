from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def load_reference(**kwargs: Any) -> None:
    """Ship the app's data after each migrate."""
    from enrollment import reference  # noqa: PLC0415 - models are not loaded yet when this module is

    reference.load()


class EnrollmentConfig(AppConfig):
    name = "enrollment"
    label = "enrollment"
    verbose_name = _("Enrollment")

    def ready(self) -> None:
        from enrollment.audience import registry  # noqa: PLC0415 - needs models

        registry.conditions()  # a file that declares none is told at the start, not when an audience is read
        post_migrate.connect(load_reference, sender=self)
