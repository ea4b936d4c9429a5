"""The answer to joining."""

from django.utils.translation import gettext_lazy as _

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name=_("welcome"),
    announced=_("when somebody has joined"),
    placeholders={"units": "500"},
    text_kk="SMART-қа қош келдіңіз! Айына {units} бірлік. Қосу: *555*00#",
    text_ru="Вы в SMART: {units} единиц в месяц. Включить *555*00#, выйти *555*2#",
    text_en="Welcome to SMART! {units} units a month for free. Activate: *555*00#. Leave: *555*2#",
    is_answer=True,
)
