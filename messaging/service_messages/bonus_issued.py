"""The month's bonus is there to be activated."""

from django.utils.translation import gettext_lazy as _

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name=_("a bonus has come"),
    announced=_("on the first of the month, to members who have not activated the new bonus"),
    placeholders={"units": "500", "days": "30"},
    text_kk="SMART: {units} бірлік бонус келді. {days} күн ішінде қосыңыз: *555*00#",
    text_ru="SMART: ваш бонус {units} единиц. Включите за {days} дней: *555*00#",
    text_en="SMART: this month's bonus of {units} units is here. Activate within {days} days: *555*00#",
)
