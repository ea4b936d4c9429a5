"""What is asked: versions of a survey's questions, frozen when published."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enrollment.models import Fact, Interest
from surveys.models.surveys import Survey

# Where an answer may lead besides a question's code.
END, NOT_ELIGIBLE = "end", "not_eligible"


class Version(models.Model):
    """A survey's questions as they stood: a correction is a new version, and answers keep theirs."""

    survey = models.ForeignKey(Survey, models.CASCADE, related_name="versions", verbose_name=_("survey"))
    number = models.PositiveSmallIntegerField(_("number"))
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    published_by = models.CharField(_("published by"), max_length=80, blank=True)
    created_at = models.DateTimeField(_("made at"))

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        constraints = [
            models.UniqueConstraint(fields=["survey", "number"], name="version_once"),
            models.UniqueConstraint(
                fields=["survey"], condition=Q(published_at__isnull=True), name="version_one_draft"
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"


class Question(models.Model):
    """One question. `code` stays the same through the versions, so that results can be read together."""

    class Kind(models.TextChoices):
        """How it is answered."""

        SINGLE = "single", _("one of several")
        SEVERAL = "several", _("several of several")
        NUMBER = "number", _("a number")
        SCALE = "scale", _("a scale")
        YES_NO = "yes_no", _("yes or no")
        TEXT = "text", _("short text")

    version = models.ForeignKey(Version, models.CASCADE, related_name="questions", verbose_name=_("version"))
    position = models.PositiveSmallIntegerField(_("position"))
    code = models.SlugField(_("code"), max_length=20)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind)
    text_kk = models.CharField(_("text in Kazakh"), max_length=400, blank=True)
    text_ru = models.CharField(_("text in Russian"), max_length=400, blank=True)
    text_en = models.CharField(_("text in English"), max_length=400, blank=True)
    low = models.IntegerField(_("from"), null=True, blank=True)  # number and scale
    high = models.IntegerField(_("to"), null=True, blank=True)
    is_screening = models.BooleanField(
        _("screening"), default=False, help_text=_("Its answers may end the survey as not eligible.")
    )
    then = models.CharField(
        _("then"),
        max_length=20,
        blank=True,
        help_text=_("The code of the question that follows, “end” or “not_eligible”. Empty: the next one."),
    )

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "code"], name="question_code_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["number", "scale"], low__isnull=False, high__gt=F("low"))
                | (~Q(kind__in=["number", "scale"]) & Q(low__isnull=True, high__isnull=True)),
                name="question_range_fits_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Choice(models.Model):
    """One of a question's answers, with what follows it and what it tells about a member.

    Of a number or a scale it is a range (`low` to `high`) and has no text; of yes or no it is 1 or 2 and the text is
    the platform's. `value` is what an answer keeps and what is pressed; it stays the same through the versions.
    """

    question = models.ForeignKey(Question, models.CASCADE, related_name="choices", verbose_name=_("question"))
    value = models.PositiveSmallIntegerField(_("key"))
    text_kk = models.CharField(_("text in Kazakh"), max_length=80, blank=True)
    text_ru = models.CharField(_("text in Russian"), max_length=80, blank=True)
    text_en = models.CharField(_("text in English"), max_length=80, blank=True)
    low = models.IntegerField(_("from"), null=True, blank=True)
    high = models.IntegerField(_("to"), null=True, blank=True)
    then = models.CharField(_("then"), max_length=20, blank=True)
    fact = models.ForeignKey(Fact, models.PROTECT, null=True, blank=True, verbose_name=_("profile fact"))
    fact_value = models.CharField(_("its value"), max_length=40, blank=True)
    interest = models.ForeignKey(Interest, models.PROTECT, null=True, blank=True, verbose_name=_("interest"))

    class Meta:
        verbose_name = _("choice")
        verbose_name_plural = _("choices")
        ordering = ["value"]
        constraints = [
            models.UniqueConstraint(fields=["question", "value"], name="choice_value_once"),
            models.CheckConstraint(condition=Q(value__gte=1, value__lte=60), name="choice_value_fits"),
            models.CheckConstraint(
                condition=Q(low__isnull=True, high__isnull=True) | Q(high__gte=F("low")), name="choice_range_in_order"
            ),
            models.CheckConstraint(
                condition=Q(fact__isnull=True, fact_value="") | (Q(fact__isnull=False) & ~Q(fact_value="")),
                name="choice_fact_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value}"
