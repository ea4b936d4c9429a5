"""Partners, offers and campaigns in the back office (P1)."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin

from campaigns.staff import campaign_form, offers, partners

__all__ = ["campaign_form", "offers", "partners"]  # each registers its own

# allauth keeps them, and its own pages would show the data of second factors. People see to theirs in the portal.
for model in (EmailAddress, Authenticator):
    admin.site.unregister(model)
