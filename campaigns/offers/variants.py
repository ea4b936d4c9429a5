"""Another text for an offer (A/B): held to the rules of the offer's own, with the place of what is wrong named."""

from campaigns.models import Offer
from campaigns.offers import drafts
from messaging import texts


def check(text: str, *, offer: Offer) -> str:
    """Return the text as it will stand in a variant of the offer.

    Raises texts.BadText with the character's place, or drafts' own words as ValueError about a code, telephone or link
    that is missing or is none.
    """
    # Braces are a partner's own letters, {code}, {phone} and {url} apart; one for one, so that places stay true.
    bare = texts.check(text.replace("{", "(").replace("}", ")")) and text.strip()
    has_codes = offer.codes != Offer.Codes.NONE
    if has_codes and "{code}" not in bare:
        raise ValueError(str(drafts.SENTENCES["code_nowhere"]))
    if not has_codes and "{code}" in bare:
        raise ValueError(str(drafts.SENTENCES["code_without"]))
    for name in ("phone", "url"):
        if f"{{{name}}}" in bare and not getattr(offer, name):
            raise ValueError(str(drafts.SENTENCES[f"{name}_without"]))
    filled = drafts.landed(bare, phone=offer.phone, url=offer.url)
    filled = filled.replace("{code}", offer.shared_code or "X" * drafts.CODE_LENGTH)
    texts.check(filled.replace("{", "(").replace("}", ")"))  # as long as it will be with the code in it
    return bare
