"""Partners, their offers, campaigns that send them, codes that redeem them."""

from campaigns.models.campaigns import Campaign, Placement, Variant
from campaigns.models.offers import Category, Offer, OfferEvent
from campaigns.models.partners import Invitation, Partner, PartnerClient, PartnerMember
from campaigns.models.redemption import PromoCode, Redemption
from campaigns.models.results import CountedResult, PublishedResult, Statement
from campaigns.models.uploads import Upload, UploadRow

__all__ = [
    "Campaign",
    "Category",
    "CountedResult",
    "Invitation",
    "Offer",
    "OfferEvent",
    "Partner",
    "PartnerClient",
    "PartnerMember",
    "Placement",
    "PromoCode",
    "PublishedResult",
    "Redemption",
    "Statement",
    "Upload",
    "UploadRow",
    "Variant",
]
