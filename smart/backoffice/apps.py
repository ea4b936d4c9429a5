from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


def load_roles(**kwargs: Any) -> None:
    """Ship the roles after each migrate, when every app's permissions are there."""
    from smart.backoffice import roles  # noqa: PLC0415 - models are not loaded yet when this module is

    roles.load()


class BackofficeConfig(AppConfig):
    name = "smart.backoffice"
    label = "backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        # Each app's pages for staff; Django itself looks for `admin` modules only.
        autodiscover_modules("staff.admin", register_to=admin.site)
        post_migrate.connect(load_roles, sender=self)
