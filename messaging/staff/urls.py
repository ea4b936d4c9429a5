"""/admin/sending/."""

from django.urls import path

from messaging.staff import sending

app_name = "sending"
urlpatterns = [
    path("", sending.look, name="page"),
    path("switch/", sending.switch, name="switch"),
]
