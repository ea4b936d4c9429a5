"""The answer to an activation."""

from django.utils.translation import gettext_lazy as _

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name=_("a bonus was activated"),
    announced=_("when a bonus has been activated"),
    placeholders={"units": "500", "lapse": "30.11 18:00"},
    text_kk="SMART: {units} бірлік қосылды, мерзімі: {lapse}. Қалдық: *111*3#",
    text_ru="SMART: {units} единиц до {lapse}. Остаток: *111*3#",
    text_en="SMART: {units} units activated, valid until {lapse}. Balance: *111*3#",
    is_answer=True,
)
