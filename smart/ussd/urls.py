"""/api/ussd/v1/: one address a dialect."""

from django.urls import path

from smart.ussd.dialects import DIALECTS
from smart.ussd.views import view_of

urlpatterns = [
    path(dialect.path, view_of(dialect).as_view(), name=f"ussd-{name}") for name, dialect in DIALECTS.items()
]
