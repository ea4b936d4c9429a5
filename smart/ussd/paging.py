"""How a screen is shown: whole, or page by page, with what the session must remember for the next key."""

from functools import lru_cache

from django.utils import translation
from django.utils.translation import gettext as _

from core.lib import gsm
from smart.ussd.request import Reply
from smart.ussd.sessions import Session
from smart.ussd.visit import Screen

MORE = "more"  # what a session waits for while its screen has further pages
NEXT_KEY = "0"
NEXT_PAGE = Screen("", waits=MORE)
SAME_PAGE = Screen("", waits=MORE, context={"again": True})
_OF_PAGES = ("now", "pages", "then", "must_be_seen")  # what a session remembers of a screen shown page by page


def show(session: Session, screen: Screen, *, language: str) -> Reply:
    """Put the screen, or its first page, into the session and return what the subscriber sees."""
    session.language = language
    if screen is SAME_PAGE:
        return Reply(session.context["now"], is_over=False)
    if screen is NEXT_PAGE:
        return _turn_page(session)
    pages = gsm.pages(screen.text, _next_line(language))
    if len(pages) == 1:
        session.screen, session.context = screen.waits, screen.context
        return Reply(pages[0], is_over=not screen.waits)
    session.screen = MORE
    session.context = {
        **screen.context,
        "now": pages[0],
        "pages": list(pages[1:]),
        "then": screen.waits,
        "must_be_seen": screen.must_be_seen,
    }
    return Reply(pages[0], is_over=False)


@lru_cache
def _next_line(language: str) -> str:
    with translation.override(language):
        return f"{NEXT_KEY} {_('Next')}"


def _turn_page(session: Session) -> Reply:
    page, *rest = session.context["pages"]
    if rest:
        session.context = {**session.context, "now": page, "pages": rest}
        return Reply(page, is_over=False)
    session.screen = session.context["then"]
    session.context = {name: value for name, value in session.context.items() if name not in _OF_PAGES}
    return Reply(page, is_over=not session.screen)
