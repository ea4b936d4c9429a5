from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccessConfig(AppConfig):
    name = "core.access"
    label = "access"
    verbose_name = _("API clients and audit")

    def ready(self) -> None:
        from core.access import change_kinds  # noqa: PLC0415 - needs models

        change_kinds.kinds()  # a file that declares none is told at the start, not when somebody proposes
