"""The sending policy and the programme's own messages, as they are shipped; changed in the back office."""

from typing import Any

from django.db import transaction

from messaging.models import SendingPolicy, ServiceText

# kind → (Kazakh, Russian, English); each fits one segment (tests/messaging/test_texts.py)
TEXTS = {
    "welcome": (
        "SMART-қа қош келдіңіз! Айына {units} бірлік. Қосу: *555*00#",
        "Вы в SMART: {units} единиц в месяц. Включить *555*00#, выйти *555*2#",
        "Welcome to SMART! {units} units a month for free. Activate: *555*00#. Leave: *555*2#",
    ),
    "bonus_issued": (
        "SMART: {units} бірлік бонус келді. {days} күн ішінде қосыңыз: *555*00#",
        "SMART: ваш бонус {units} единиц. Включите за {days} дней: *555*00#",
        "SMART: this month's bonus of {units} units is here. Activate within {days} days: *555*00#",
    ),
    "bonus_lapses": (
        "SMART: {units} бірлік қалды, мерзімі: {lapse}. Тексеру: *111*3#",
        "SMART: {units} единиц сгорят {lapse}. Проверить: *111*3#",
        "SMART: {units} units left, they lapse on {lapse}. Check: *111*3#",
    ),
    "activated": (
        "SMART: {units} бірлік қосылды, мерзімі: {lapse}. Қалдық: *111*3#",
        "SMART: {units} единиц до {lapse}. Остаток: *111*3#",
        "SMART: {units} units activated, valid until {lapse}. Balance: *111*3#",
    ),
    "left": (
        "SMART-тан шықтыңыз. Хабарлама келмейді. Қайта қосылу: *555*1#",
        "Вы вышли из SMART. Сообщений не будет. Вернуться: *555*1#",
        "You have left SMART. No more messages. To come back: *555*1#",
    ),
    "reward": (
        "SMART: сауалнама үшін {units} бірлік, мерзімі: {lapse}. Рақмет!",
        "SMART: {units} единиц за опрос, до {lapse}. Спасибо!",
        "SMART: {units} units for the survey, valid until {lapse}. Thank you!",
    ),
}


@transaction.atomic
def load(**_: Any) -> None:
    """Create the policy and the texts that are not there; what staff has changed stays."""
    SendingPolicy.objects.get_or_create(pk=1)
    for kind, (kk, ru, en) in TEXTS.items():
        ServiceText.objects.get_or_create(kind=kind, defaults={"text_kk": kk, "text_ru": ru, "text_en": en})
