"""The answer to leaving."""

from django.utils.translation import gettext_lazy as _

from messaging.service_message import ServiceMessage

SERVICE_MESSAGE = ServiceMessage(
    name=_("farewell"),
    announced=_("when somebody has left; the only one to somebody who is no member any more"),
    placeholders={"units": "500"},
    text_kk="SMART-тан шықтыңыз. Хабарлама келмейді. Қайта қосылу: *555*1#",
    text_ru="Вы вышли из SMART. Сообщений не будет. Вернуться: *555*1#",
    text_en="You have left SMART. No more messages. To come back: *555*1#",
    is_answer=True,
)
