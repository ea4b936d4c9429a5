"""People and their agreement: subscriptions, memberships, consent records, towns."""

import enum
import hashlib

from cryptography.exceptions import InvalidTag
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from core.lib import crypto
from core.lib.msisdn import Msisdn


class Language(models.TextChoices):
    """The programme's languages (J8)."""

    KK = "kk", _("Kazakh")
    RU = "ru", _("Russian")
    EN = "en", _("English")


class Region(models.Model):
    """An oblast of Kazakhstan or one of its three cities of republican significance."""

    code = models.CharField(_("code"), max_length=2, primary_key=True)  # ISO 3166-2:KZ
    name_kk = models.CharField(_("name in Kazakh"), max_length=60)
    name_ru = models.CharField(_("name in Russian"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")

    def __str__(self) -> str:
        return self.name_ru


class Town(models.Model):
    """A city of Kazakhstan, with the names it has and had (enrollment/data/towns.csv)."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    region = models.ForeignKey(Region, models.PROTECT, related_name="towns", verbose_name=_("region"))
    name_kk = models.CharField(_("name in Kazakh"), max_length=60)
    name_ru = models.CharField(_("name in Russian"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)
    former = models.CharField(_("former names"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("town")
        verbose_name_plural = _("towns")

    def __str__(self) -> str:
        return str(getattr(self, f"name_{get_language()}", self.name_ru))


class Interest(models.Model):
    """Something people care for: what offers are about and members are asked (enrollment/data/interests.csv)."""

    code = models.SlugField(_("code"), max_length=30, unique=True)
    bit = models.PositiveSmallIntegerField(unique=True)  # of Subscriber.interests, 0 to 62; never given to another
    name_kk = models.CharField(_("name in Kazakh"), max_length=60)
    name_ru = models.CharField(_("name in Russian"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)

    class Meta:
        verbose_name = _("interest")
        verbose_name_plural = _("interests")
        constraints = [models.CheckConstraint(condition=Q(bit__lte=62), name="interest_bit_fits")]

    def __str__(self) -> str:
        return str(getattr(self, f"name_{get_language()}", self.name_ru))


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    """Selections of subscriptions."""

    def holding(self, msisdn: Msisdn) -> "SubscriberQuerySet":
        """The subscription that holds the number now (one at most), by blind index."""
        return self.filter(msisdn_index=crypto.blind_index(msisdn.value), ended_at__isnull=True)


class Subscriber(models.Model):
    """A subscription, not a number: when the number gets another owner, another row holds it (J7)."""

    class Brand(models.TextChoices):
        ACTIV = "activ", "activ"
        KCELL = "kcell", "Kcell"
        KCELL_B2B = "kcell_b2b", "Kcell B2B"

    class LineStatus(models.TextChoices):
        """What the operator's directory last said of the line."""

        ACTIVE = "active", pgettext_lazy("a line", "active")
        SUSPENDED = "suspended", pgettext_lazy("a line", "suspended")
        BLOCKED = "blocked", pgettext_lazy("a line", "blocked")
        TERMINATED = "terminated", pgettext_lazy("a line", "terminated")
        GONE = "gone", _("no longer in the directory")

    class Gender(models.TextChoices):
        MALE = "m", _("male")
        FEMALE = "f", _("female")
        UNKNOWN = "", _("unknown")

    msisdn = models.BinaryField(_("number, encrypted"), max_length=60)
    msisdn_index = models.BinaryField(_("number, blind index"), max_length=16)
    brand = models.CharField(_("brand"), max_length=12, choices=Brand)
    line_status = models.CharField(_("line status"), max_length=12, choices=LineStatus)
    tariff = models.CharField(_("tariff"), max_length=32, blank=True)
    language = models.CharField(_("language"), max_length=2, choices=Language)
    language_is_chosen = models.BooleanField(_("language chosen by the subscriber"), default=False)
    town = models.ForeignKey(Town, models.PROTECT, null=True, blank=True, verbose_name=_("town"))
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    gender = models.CharField(_("gender"), max_length=1, choices=Gender, blank=True)
    line_activated_on = models.DateField(_("line activated on"), null=True, blank=True)
    interests = models.BigIntegerField(_("interests"), default=0, db_default=0)  # one bit each: Interest.bit
    created_at = models.DateTimeField(_("first seen at"))
    changed_at = models.DateTimeField(_("changed at"))
    ended_at = models.DateTimeField(_("number given up at"), null=True, blank=True)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        verbose_name = _("subscriber")
        verbose_name_plural = _("subscribers")
        constraints = [
            # Also the look-up of every dial, debit and care call.
            models.UniqueConstraint(
                fields=["msisdn_index"], condition=Q(ended_at__isnull=True), name="subscriber_one_per_number"
            ),
            models.CheckConstraint(
                condition=Q(brand__in=["activ", "kcell", "kcell_b2b"]), name="subscriber_brand_known"
            ),
            models.CheckConstraint(
                condition=Q(line_status__in=["active", "suspended", "blocked", "terminated", "gone"]),
                name="subscriber_line_status_known",
            ),
            models.CheckConstraint(condition=Q(language__in=["kk", "ru", "en"]), name="subscriber_language_known"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def masked_msisdn(self) -> str:
        """The number as lists show it: "7 701 *** ** 01"; "?" when its key is not among ours."""
        try:
            return Msisdn(crypto.decrypt_msisdn(self.msisdn)).masked
        except (KeyError, InvalidTag):
            return "?"


class Purpose(models.TextChoices):
    """What a member agrees to be contacted for (J3)."""

    OFFERS = "offers", _("information about partners' goods and services")
    SURVEYS = "surveys", _("surveys")


class Channel(models.TextChoices):
    """How a member agrees to be contacted (J3)."""

    SMS = "sms", _("SMS")
    USSD = "ussd", _("USSD")
    IVR = "ivr", _("calls")


class Consents(enum.IntFlag):
    """The current consents of a membership, one bit per purpose and channel; the events are the proof."""

    OFFERS_SMS = 1
    OFFERS_USSD = 2
    OFFERS_IVR = 4
    SURVEYS_SMS = 8
    SURVEYS_USSD = 16
    SURVEYS_IVR = 32
    NONE = 0
    ALL = 63

    @classmethod
    def of(cls, purpose: Purpose, channel: Channel) -> "Consents":
        """The bit of one purpose on one channel."""
        return cls[f"{purpose.name}_{channel.name}"]


class Membership(models.Model):
    """One stay in the programme, from joining to leaving."""

    class LeftReason(models.TextChoices):
        OPT_OUT = "opt_out", _("left by own wish")
        RECYCLED = "recycled", _("the number has a new owner")
        TERMINATED = "terminated", _("the line was terminated")
        GONE = "gone", _("the line is no longer in the directory")
        BRAND = "brand", _("the line is no longer activ")

    subscriber = models.ForeignKey(Subscriber, models.PROTECT, related_name="memberships", verbose_name=_("subscriber"))
    joined_at = models.DateTimeField(_("joined at"))
    joined_by = models.CharField(_("joined by"), max_length=80)
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)
    left_by = models.CharField(_("ended by"), max_length=80, blank=True)
    left_reason = models.CharField(_("why it ended"), max_length=12, choices=LeftReason, blank=True)
    consents = models.PositiveSmallIntegerField(_("current consents"), default=0)  # Consents

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            # Also what the month's issue walks in id ranges.
            models.UniqueConstraint(
                fields=["subscriber"], condition=Q(left_at__isnull=True), name="membership_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True, left_reason="", left_by="")
                | (Q(left_at__isnull=False, consents=0) & ~Q(left_reason="") & ~Q(left_by="")),
                name="membership_end_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(left_at__isnull=True) | Q(left_at__gte=models.F("joined_at")),
                name="membership_ends_after_it_began",
            ),
            models.CheckConstraint(condition=Q(consents__lte=63), name="membership_consents_known"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ConsentText(models.Model):
    """A version of what a subscriber is shown before agreeing (J3); frozen once published."""

    version = models.PositiveIntegerField(_("version"), unique=True)
    text_kk = models.TextField(_("text in Kazakh"))
    text_ru = models.TextField(_("text in Russian"))
    text_en = models.TextField(_("text in English"))
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)

    class Meta:
        verbose_name = _("consent text")
        verbose_name_plural = _("consent texts")

    def __str__(self) -> str:
        return f"v{self.version}"

    def in_language(self, language: str) -> str:
        """The text in one of the three languages."""
        return str(getattr(self, f"text_{language}"))

    def digest(self, language: str) -> str:
        """SHA-256 of the text as shown, in hex: what the consent record keeps."""
        return hashlib.sha256(self.in_language(language).encode()).hexdigest()


class ConsentEvent(models.Model):
    """A consent given or withdrawn, for one purpose on one channel, with what was shown and pressed. Append-only."""

    class Action(models.TextChoices):
        GIVEN = "given", _("given")
        WITHDRAWN = "withdrawn", _("withdrawn")

    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="consent_events", verbose_name=_("subscriber")
    )
    membership = models.ForeignKey(Membership, models.PROTECT, verbose_name=_("membership"))
    purpose = models.CharField(_("purpose"), max_length=8, choices=Purpose)
    channel = models.CharField(_("channel"), max_length=4, choices=Channel)
    action = models.CharField(_("action"), max_length=9, choices=Action)
    at = models.DateTimeField(_("at"))
    by = models.CharField(_("by"), max_length=80)
    session = models.CharField(_("session"), max_length=128, blank=True)
    key = models.CharField(_("key pressed"), max_length=20, blank=True)
    text = models.ForeignKey(ConsentText, models.PROTECT, null=True, verbose_name=_("text version"))
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True)
    digest = models.CharField(_("digest of the text shown"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("consent record")
        verbose_name_plural = _("consent records")
        constraints = [
            models.CheckConstraint(condition=Q(purpose__in=["offers", "surveys"]), name="consent_purpose_known"),
            models.CheckConstraint(condition=Q(channel__in=["sms", "ussd", "ivr"]), name="consent_channel_known"),
            models.CheckConstraint(
                condition=Q(action="withdrawn")
                | (Q(action="given", text__isnull=False) & ~Q(language="") & ~Q(digest="")),
                name="consent_given_shows_its_text",
            ),
        ]
        indexes = [models.Index(fields=["subscriber", "id"], name="consent_by_subscriber")]  # care page, verify

    def __str__(self) -> str:
        return f"{self.action} {self.purpose}/{self.channel}"


class Fact(models.Model):
    """A question about people that a survey may answer for good: "has a car", with the answers there are."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    label = models.CharField(_("label"), max_length=120)
    values = models.JSONField(_("answers"), default=list, help_text=_("A list of words, for example yes and no."))

    class Meta:
        verbose_name = _("profile fact")
        verbose_name_plural = _("profile facts")

    def __str__(self) -> str:
        return self.label


class SubscriberFact(models.Model):
    """A member's own answer to such a question: the latest."""

    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="facts", db_index=False, verbose_name=_("subscriber")
    )
    fact = models.ForeignKey(Fact, models.PROTECT, db_index=False, verbose_name=_("profile fact"))
    value = models.CharField(_("answer"), max_length=40)
    told_at = models.DateTimeField(_("told at"))

    class Meta:
        verbose_name = _("told fact")
        verbose_name_plural = _("told facts")
        constraints = [models.UniqueConstraint(fields=["subscriber", "fact"], name="subscriberfact_once")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class SavedAudience(models.Model):
    """A definition of people that marketing keeps for use again (enrollment.audience)."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    definition = models.JSONField(_("definition"), default=dict)
    created_by = models.CharField(_("by"), max_length=80)
    created_at = models.DateTimeField(_("created at"))
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("audience")
        verbose_name_plural = _("audiences")

    def __str__(self) -> str:
        return self.name


class DirectoryImport(models.Model):
    """One import of the operator's export: staged, looked at, applied; resumable at every point."""

    class Phase(models.TextChoices):
        UPLOADED = "uploaded", _("waiting to be read")
        STAGED = "staged", _("read, waiting for a decision")
        APPLYING = "applying", _("being applied")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    file_name = models.CharField(_("file"), max_length=200)
    path = models.CharField(_("path"), max_length=400)
    digest = models.CharField(_("digest"), max_length=64, blank=True)  # SHA-256 of the file
    is_full = models.BooleanField(
        _("full export"), default=True, help_text=_("Lines missing from a full export are gone.")
    )
    # An unusual loss waits until a person allows it: so many memberships may end, and no line is too many to be gone.
    allowed_ending = models.PositiveIntegerField(_("memberships that may end"), null=True, blank=True)
    allowed_by = models.CharField(_("allowed by"), max_length=80, blank=True)
    is_confirmed = models.BooleanField(_("confirmed"), default=False)
    phase = models.CharField(_("phase"), max_length=8, choices=Phase, default=Phase.UPLOADED)
    lines = models.PositiveIntegerField(_("lines"), default=0)
    lines_done = models.PositiveIntegerField(_("lines dealt with"), default=0)
    watermark = models.PositiveIntegerField(_("watermark"), default=0)  # chunks applied
    counts = models.JSONField(_("counts"), default=dict)
    refusal = models.CharField(_("refusal"), max_length=600, blank=True)
    report = models.CharField(_("report"), max_length=400, blank=True)
    created_by = models.CharField(_("by"), max_length=80)
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("directory import")
        verbose_name_plural = _("directory imports")
        constraints = [
            models.CheckConstraint(
                condition=Q(phase="done", finished_at__isnull=False) | ~Q(phase="done"), name="import_done_has_an_end"
            ),
            models.CheckConstraint(
                condition=Q(allowed_ending__isnull=True, allowed_by="")
                | (Q(allowed_ending__isnull=False) & ~Q(allowed_by="")),
                name="import_loss_is_allowed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.file_name}"

    @property
    def percent(self) -> int:
        """How far the present phase is, for a progress bar."""
        return min(100, 100 * self.lines_done // self.lines) if self.lines else 0
