"""Partners, their offers, campaigns that send them, codes that redeem them."""

from campaigns.models.campaigns import Campaign, Placement, Variant
from campaigns.models.offers import Category, Offer, OfferEvent
from campaigns.models.partners import Invitation, Partner, PartnerClient, PartnerMember
from campaigns.models.redemption import PromoCode, Redemption
from campaigns.models.uploads import Upload, UploadRow

__all__ = [
    "Campaign",
    "Category",
    "Invitation",
    "Offer",
    "OfferEvent",
    "Partner",
    "PartnerClient",
    "PartnerMember",
    "Placement",
    "PromoCode",
    "Redemption",
    "Upload",
    "UploadRow",
    "Variant",
]
