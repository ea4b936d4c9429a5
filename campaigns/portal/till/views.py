"""A till on a phone: one field, one button, the answer in big words. Every role may redeem: tills are viewers."""

import re
from secrets import token_urlsafe

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from campaigns.codes import redemption
from campaigns.models import Redemption
from campaigns.portal import access
from campaigns.portal.access import PortalRequest
from core.lib import clock
from core.lib.errors import Refusal

_RECEIPT = re.compile(r"till:[A-Za-z0-9_-]{16}")


@require_http_methods(["GET", "HEAD", "POST"])
@access.page()
def redeem(request: PortalRequest) -> HttpResponse:
    """Ask for a code, or say what became of it.

    Each page carries a receipt of its own, so that a second press of the key, or a reload, redeems once and is told the
    same.
    """
    done: Redemption | None = None
    refusal: Refusal | None = None
    typed = request.POST.get("code", "")
    if request.method == "POST":
        try:
            done = redemption.redeem(
                partner=request.partner, code=typed, by=request.by, now=clock.now(), receipt=_receipt(request)
            )
        except Refusal as error:
            refusal = error
    context = {
        "done": done,
        "title": done.offer.title_in(get_language() or "ru") if done else "",
        "refusal": refusal,
        "typed": typed[:40] if refusal else "",
        "receipt": f"till:{token_urlsafe(12)}",
    }
    response = render(request, "partners/redeem.html", context, status=refusal.status if refusal else 200)
    if isinstance(refusal, redemption.TooManyGuesses):
        response["Retry-After"] = str(refusal.details["seconds"])
    return response


def _receipt(request: PortalRequest) -> str:
    """The page's own receipt; none where somebody made it up."""
    given = request.POST.get("receipt", "")
    return given if _RECEIPT.fullmatch(given) else ""
