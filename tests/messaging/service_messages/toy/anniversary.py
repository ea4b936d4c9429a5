"""A made-up service message: a year in the programme."""

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name="an anniversary",
    announced="on the day a membership is so many years old",
    placeholders={"years": "10"},
    text_kk="SMART: бізбен бірге {years} жыл. Рақмет!",
    text_ru="SMART: вы с нами {years} год. Спасибо!",
    text_en="SMART: {years} years with us. Thank you!",
)
