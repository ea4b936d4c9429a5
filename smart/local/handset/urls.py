"""/handset/, in a local set-up only."""

from django.urls import path

from smart.local.handset import views

app_name = "handset"
urlpatterns = [
    path("", views.page, name="page"),
    path("people/", views.people, name="people"),
    path("dial/", views.dial, name="dial"),
    path("press/", views.press, name="press"),
    path("answer/", views.answer, name="answer"),
    path("inbox/", views.inbox, name="inbox"),
    path("network/", views.network, name="network"),
    path("offer/", views.offer, name="offer"),
    path("clock/", views.clock_view, name="clock"),
    path("balance/", views.balance, name="balance"),
    path("number/", views.number, name="number"),
]
