"""/admin/sending/."""

from django.urls import path

from messaging.staff import sending

app_name = "sending"
urlpatterns = [
    path("", sending.page_view, name="page"),
    path("switch/", sending.switch_view, name="switch"),
]
