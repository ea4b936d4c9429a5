"""The answer to a survey's last answer."""

from django.utils.translation import gettext_lazy as _

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name=_("a reward for a survey"),
    announced=_("when the reward for a survey has been paid"),
    placeholders={"units": "500", "lapse": "30.11 18:00"},
    text_kk="SMART: сауалнама үшін {units} бірлік, мерзімі: {lapse}. Рақмет!",
    text_ru="SMART: {units} единиц за опрос, до {lapse}. Спасибо!",
    text_en="SMART: {units} units for the survey, valid until {lapse}. Thank you!",
    is_answer=True,
)
