"""The sending policy and the programme's own messages, as they are shipped; changed in the back office."""

from typing import Any

from django.db import transaction

from messaging.models import SendingPolicy, ServiceText

# kind → (Kazakh, Russian, English)
TEXTS = {
    "welcome": (
        "SMART-қа қош келдіңіз! Ай сайын {units} бірлік сыйға. Қосу: *555*00#. Шығу: *555*2#",
        "Добро пожаловать в SMART! {units} единиц в месяц бесплатно. Включить: *555*00#. Выйти: *555*2#",
        "Welcome to SMART! {units} units a month for free. Activate: *555*00#. Leave: *555*2#",
    ),
    "bonus_issued": (
        "SMART: осы айдың {units} бірлік бонусы келді. {days} күн ішінде қосыңыз: *555*00#",
        "SMART: начислен бонус месяца, {units} единиц. Включите в течение {days} дней: *555*00#",
        "SMART: this month's bonus of {units} units is here. Activate within {days} days: *555*00#",
    ),
    "bonus_lapses": (
        "SMART: {units} бірлік қалды, {lapse} дейін жарамды. Тексеру: *111*3#",
        "SMART: осталось {units} единиц, сгорят {lapse}. Проверить: *111*3#",
        "SMART: {units} units left, they lapse on {lapse}. Check: *111*3#",
    ),
    "activated": (
        "SMART: {units} бірлік қосылды, {lapse} дейін жарамды. Қалдық: *111*3#",
        "SMART: включено {units} единиц, действуют до {lapse}. Остаток: *111*3#",
        "SMART: {units} units activated, valid until {lapse}. Balance: *111*3#",
    ),
    "left": (
        "Сіз SMART-тан шықтыңыз. Хабарлама енді келмейді. Қайта қосылу: *555*1#",
        "Вы вышли из SMART. Сообщений больше не будет. Вернуться: *555*1#",
        "You have left SMART. No more messages. To come back: *555*1#",
    ),
    "reward": (
        "SMART: сауалнама үшін {units} бірлік, {lapse} дейін жарамды. Рақмет!",
        "SMART: {units} единиц за опрос, действуют до {lapse}. Спасибо!",
        "SMART: {units} units for the survey, valid until {lapse}. Thank you!",
    ),
}


@transaction.atomic
def load(**_: Any) -> None:
    """Create the policy and the texts that are not there; what staff has changed stays."""
    SendingPolicy.objects.get_or_create(pk=1)
    for kind, (kk, ru, en) in TEXTS.items():
        ServiceText.objects.get_or_create(kind=kind, defaults={"text_kk": kk, "text_ru": ru, "text_en": en})
