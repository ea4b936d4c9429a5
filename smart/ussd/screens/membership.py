"""Joining, leaving, language, help (J1-J5, J8)."""

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from bonuses import lifecycle as bonuses
from enrollment import joining
from enrollment.consent import ShownConsent, current_consent_text
from enrollment.models import ConsentText, Subscriber
from smart import programme
from smart.ussd.visit import Act, Answer, Screen, Visit, WrongKey

LANGUAGES = {"1": ("kk", "Қазақша"), "2": ("ru", "Русский"), "3": ("en", "English")}


def consent(visit: Visit) -> Answer:
    """Show the consent text before the key that accepts it (J3); say at once when joining is not possible (J1)."""
    joining.check_may_join(visit.subscriber)
    text = current_consent_text()
    question = f"{text.in_language(visit.language)}\n1 {_('Yes')}\n2 {_('No')}"
    return Screen(question, waits="consent", context={"consent_text": text.pk}, must_be_seen=True)


def answer_consent(visit: Visit, key: str) -> Answer:
    """1 accepts, 2 declines."""
    if key == "1":
        return Act(_join)
    if key == "2":
        return Screen(_("You did not join. To join later: *555*1#"))
    raise WrongKey


def _join(visit: Visit) -> Screen:
    shown = ShownConsent(ConsentText.objects.get(pk=visit.context["consent_text"]), visit.language)
    subscriber = _known(visit)
    programme.enroll(
        subscriber=subscriber, shown=shown, session=visit.session, key=visit.key, by=visit.by, now=visit.now
    )
    waiting = bonuses.balance(subscriber=subscriber, now=visit.now).waiting
    if waiting is None:
        return Screen(_("You are in SMART again. The next bonus comes on the 1st."))
    return Screen(_("You are in SMART! %(units)s units await you. Activate: *555*00#") % {"units": waiting.units})


def leave_at_once(visit: Visit) -> Answer:
    """Dialed directly: leave (J5)."""
    return Act(_leave)


def ask_to_leave(visit: Visit) -> Answer:
    """Reached through the menu: confirm, naming the units that will be lost (J5)."""
    if visit.membership is None:
        raise joining.NotMember
    question = _("Leave SMART? Units lost: %(units)s.") % {"units": _units_at_stake(visit)}
    return Screen(f"{question}\n1 {_('Yes')}\n2 {_('No')}", waits="leave")


def answer_leave(visit: Visit, key: str) -> Answer:
    """1 leaves, 2 stays."""
    if key == "1":
        return Act(_leave)
    if key == "2":
        return Screen(_("You stay in SMART."))
    raise WrongKey


def _leave(visit: Visit) -> Screen:
    if visit.subscriber is None:
        raise joining.NotMember
    lost = programme.opt_out(
        subscriber=visit.subscriber, session=visit.session, key=visit.key, by=visit.by, now=visit.now
    )
    if lost:
        return Screen(_("You have left SMART. Units lost: %(units)s. To return: *555*1#") % {"units": lost})
    return Screen(_("You have left SMART. To return: *555*1#"))


def _units_at_stake(visit: Visit) -> int:
    balance = bonuses.balance(subscriber=_known(visit), now=visit.now)
    return balance.units + (balance.waiting.units if balance.waiting else 0)


def languages(visit: Visit) -> Answer:
    """Offer the three languages, each in itself (J8)."""
    return Screen("\n".join(f"{key} {name}" for key, (_code, name) in LANGUAGES.items()), waits="language")


def answer_language(visit: Visit, key: str) -> Answer:
    """Set the language; a caller we do not know is told in it that there is nothing to keep it for."""
    if key not in LANGUAGES:
        raise WrongKey
    return Act(_choose_language)


def _choose_language(visit: Visit) -> Screen:
    code, name = LANGUAGES[visit.key]
    visit.language = code
    with translation.override(code):
        if visit.subscriber is None:
            return Screen(str(joining.NotActiv()))
        joining.choose_language(subscriber=visit.subscriber, language=code, now=visit.now)
        return Screen(_("Language: %(language)s. Menu: *555#") % {"language": name})


def care(visit: Visit) -> Answer:
    """Whom to ask."""
    short, long = settings.CARE_NUMBERS
    return Screen(_("SMART is free. Questions: %(short)s or %(long)s") % {"short": short, "long": long})


def _known(visit: Visit) -> Subscriber:
    if visit.subscriber is None:
        raise joining.NotActiv
    return visit.subscriber
