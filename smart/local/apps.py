from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class LocalConfig(AppConfig):
    name = "smart.local"
    label = "local"
    verbose_name = _("Local simulator")

    def ready(self) -> None:
        if settings.MOVABLE_CLOCK:
            from core.lib import clock  # noqa: PLC0415 - the models behind it are ready only now
            from smart.local import clock as movable  # noqa: PLC0415

            clock.install(movable.now)
