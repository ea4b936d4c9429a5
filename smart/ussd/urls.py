"""/api/ussd/v1/"""

from django.urls import path

from smart.ussd.views import AfricasTalkingView, ComvivaView, NativeView

urlpatterns = [
    path("sessions/<str:session_id>/", NativeView.as_view(), name="ussd-native"),
    path("africastalking/", AfricasTalkingView.as_view(), name="ussd-africastalking"),
    path("comviva/", ComvivaView.as_view(), name="ussd-comviva"),
]
