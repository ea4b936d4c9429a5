"""/api/messaging/v1/"""

from django.urls import path

from messaging.api import receive_receipt

urlpatterns = [path("receipts/<str:transport>/<str:token>/", receive_receipt, name="messaging-receipt")]
