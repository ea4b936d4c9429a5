"""/admin/care/"""

from django.urls import path

from smart.care import views

app_name = "care"
urlpatterns = [
    path("", views.find, name="find"),
    path("subscriber/<int:subscriber_id>/", views.subscriber, name="subscriber"),
    path("subscriber/<int:subscriber_id>/leave/", views.leave, name="leave"),
    path("subscriber/<int:subscriber_id>/language/", views.language, name="language"),
]
