"""Units will lapse within a day."""

from django.utils.translation import gettext_lazy as _

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name=_("a bonus is about to lapse"),
    announced=_("in the last day before units lapse, hourly, once a month to each member"),
    placeholders={"units": "500", "lapse": "30.11 18:00"},
    text_kk="SMART: {units} бірлік қалды, мерзімі: {lapse}. Тексеру: *111*3#",
    text_ru="SMART: {units} единиц сгорят {lapse}. Проверить: *111*3#",
    text_en="SMART: {units} units left, they lapse on {lapse}. Check: *111*3#",
)
