"""What a partner offers, and its way to being sent."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from campaigns.models.partners import Partner
from enrollment.models import Channel


class Category(models.Model):
    """What an offer is about (campaigns/data/categories.csv): from what age on, and whether at all."""

    code = models.SlugField(_("code"), max_length=30, unique=True)
    name_kk = models.CharField(_("name in Kazakh"), max_length=60)
    name_ru = models.CharField(_("name in Russian"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)
    min_age = models.PositiveSmallIntegerField(_("from what age"), default=0)
    is_allowed = models.BooleanField(_("allowed"), default=True)
    interests = ArrayField(
        models.CharField(max_length=30), verbose_name=_("interests"), default=list, blank=True
    )  # Interest.code: whom it is for unless the offer says otherwise

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")

    def __str__(self) -> str:
        return str(getattr(self, f"name_{get_language()}", self.name_ru))


class Offer(models.Model):
    """A deal of a partner. draft → submitted → approved | rejected → live → ended; an edit goes back to approval.

    The message is `text` in the reader's language, else in the next of its fallbacks (FALLBACKS). `{code}` in it is the
    code that redeems it, `{phone}` and `{url}` are the shop's.
    """

    class State(models.TextChoices):
        """Where the offer stands."""

        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("waiting for approval")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("rejected")
        LIVE = "live", _("being sent")
        ENDED = "ended", _("ended")

    class Codes(models.TextChoices):
        """What redeems it."""

        NONE = "none", _("nothing: it is only information")
        SHARED = "shared", _("one code for all")
        UNIQUE = "unique", _("a code of one's own for each member")

    # A reader's languages in order. Nobody is written to in English who did not choose it, and the other way round all.
    FALLBACKS = {"kk": ("kk", "ru"), "ru": ("ru", "kk"), "en": ("en", "ru", "kk")}

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="offers", verbose_name=_("partner"))
    title_kk = models.CharField(_("title in Kazakh"), max_length=80, blank=True)
    title_ru = models.CharField(_("title in Russian"), max_length=80, blank=True)
    title_en = models.CharField(_("title in English"), max_length=80, blank=True)
    text_kk = models.TextField(_("text in Kazakh"), blank=True)
    text_ru = models.TextField(_("text in Russian"), blank=True)
    text_en = models.TextField(_("text in English"), blank=True)
    category = models.ForeignKey(Category, models.PROTECT, verbose_name=_("category"))
    interests = ArrayField(models.CharField(max_length=30), verbose_name=_("interests"), default=list, blank=True)
    towns = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("towns"),
        default=list,
        blank=True,
        help_text=_("Empty: the whole country."),
    )  # Town.code
    discount = models.PositiveSmallIntegerField(_("discount, per cent"), null=True, blank=True)
    valid_from = models.DateField(_("valid from"))
    valid_to = models.DateField(_("valid to"))  # this day included, Astana time
    channels = ArrayField(models.CharField(max_length=4, choices=Channel), verbose_name=_("channels"))
    min_age = models.PositiveSmallIntegerField(_("from what age"), default=0)
    codes = models.CharField(_("codes"), max_length=6, choices=Codes, default=Codes.NONE)
    shared_code = models.CharField(_("the code for all"), max_length=20, blank=True)
    uses = models.PositiveSmallIntegerField(_("times a code redeems"), default=1)
    phone = models.CharField(_("telephone of the shop"), max_length=20, blank=True)
    url = models.CharField(_("link"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DRAFT)
    reason = models.CharField(_("why it was rejected"), max_length=300, blank=True)
    digest = models.CharField(max_length=64)  # of what it says: an identical one is reported, not doubled
    submitted_by = models.CharField(_("submitted by"), max_length=80, blank=True)
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=80, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    created_by = models.CharField(_("made by"), max_length=80)
    created_at = models.DateTimeField(_("made at"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        constraints = [
            models.CheckConstraint(
                condition=~Q(text_kk="") | ~Q(text_ru="") | ~Q(text_en=""), name="offer_says_something"
            ),
            models.CheckConstraint(condition=Q(valid_to__gte=F("valid_from")), name="offer_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(discount__isnull=True) | Q(discount__gte=1, discount__lte=100), name="offer_discount_fits"
            ),
            models.CheckConstraint(condition=Q(channels__len__gt=0), name="offer_has_a_channel"),
            models.CheckConstraint(
                condition=Q(codes__in=["none", "unique"], shared_code="") | (Q(codes="shared") & ~Q(shared_code="")),
                name="offer_shared_code_fits",
            ),
            models.CheckConstraint(condition=Q(uses__gte=1), name="offer_code_redeems"),
            models.CheckConstraint(
                condition=Q(state="draft")
                | (Q(state="submitted", submitted_at__isnull=False) & ~Q(submitted_by=""))
                | (
                    Q(state__in=["approved", "live", "ended"], submitted_at__isnull=False, decided_at__isnull=False)
                    & ~Q(decided_by="")
                    & ~Q(decided_by=F("submitted_by"))
                )
                | (Q(state="rejected", decided_at__isnull=False) & ~Q(reason="") & ~Q(decided_by=F("submitted_by"))),
                name="offer_state_is_whole",  # who approves is never who submitted
            ),
            models.UniqueConstraint(fields=["partner", "digest"], condition=~Q(state="ended"), name="offer_not_twice"),
            # A shop types it: one code means one offer of the partner's.
            models.UniqueConstraint(
                fields=["partner", "shared_code"],
                condition=Q(codes="shared") & ~Q(state="ended"),
                name="offer_shared_code_once",
            ),
        ]

    def __str__(self) -> str:
        return self.title_in(get_language() or "ru")

    @property
    def effective_min_age(self) -> int:
        """From what age on it may be sent: the category's at least."""
        return max(self.min_age, self.category.min_age)

    def title_in(self, language: str) -> str:
        """The title in a language or the next of its fallbacks; for lists, so any rather than none."""
        order = (*self.FALLBACKS.get(language, ()), "ru", "kk", "en")
        return next((title for code in order if (title := getattr(self, f"title_{code}"))), f"#{self.pk}")

    def text_in(self, language: str) -> str:
        """The text for a reader of the language; "" when he would have to read another he does not."""
        return next((text for code in self.FALLBACKS[language] if (text := getattr(self, f"text_{code}"))), "")


class OfferEvent(models.Model):
    """A step of an offer: who did it, when, from where to where. Append-only."""

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="events", verbose_name=_("offer"))
    at = models.DateTimeField(_("at"))
    by = models.CharField(_("by"), max_length=80)
    before = models.CharField(_("from"), max_length=9, choices=Offer.State, blank=True)
    after = models.CharField(_("to"), max_length=9, choices=Offer.State)
    note = models.CharField(_("note"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("step of an offer")
        verbose_name_plural = _("steps of offers")

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"
