"""/api/charging/v1/"""

from django.urls import path

from bonuses.api import DebitView

urlpatterns = [path("debits/", DebitView.as_view(), name="charging-debits")]
