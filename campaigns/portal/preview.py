"""An offer's message as each reader will get it on a phone."""

from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.models import Offer
from campaigns.offers.drafts import CODE_LENGTH, landed
from core.lib import segments
from core.lib.languages import LANGUAGES
from enrollment.models import Language
from messaging import texts

SAMPLE_CODE = "K7M2P9QX"[:CODE_LENGTH]
ENCODINGS = {"gsm7": "GSM-7", "ucs2": "UCS-2"}


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """What a reader of one language gets; `text` "" when nothing."""

    language: str  # of the reader
    name: str
    text: str
    written_in: str  # the language the text is in, which may be a fallback
    written_name: str
    encoding: str
    segments: int
    characters: int

    @property
    def is_fallback(self) -> bool:
        """Whether the reader gets another language than the chosen one."""
        return bool(self.text) and self.written_in != self.language


def of_offer(offer: Offer) -> list[MessagePreview]:
    """Return the message of an offer for readers of each language."""
    return [_for_reader(offer, language) for language in LANGUAGES]


def of_form(given: Mapping[str, str]) -> list[MessagePreview]:
    """Return the same of a form's raw values, finished or not."""
    said = {name: given.get(name, "").replace("\r\n", "\n").strip() for name in ("text_kk", "text_ru", "text_en")}
    codes = given.get("codes", "")
    said |= {name: given.get(name, "").strip() for name in ("phone", "url")}
    return of_offer(Offer(**said, codes=codes, shared_code=given.get("shared_code", "").strip().upper()))


def _for_reader(offer: Offer, language: str) -> MessagePreview:
    order = Offer.FALLBACKS[language]
    written = next((code for code in order if getattr(offer, f"text_{code}")), "")
    text = getattr(offer, f"text_{written}") if written else ""
    text = landed(text, phone=offer.phone, url=offer.url)
    if offer.codes != Offer.Codes.NONE:
        text = texts.fill(text, {"code": offer.shared_code or SAMPLE_CODE})
    encoding, count = segments.measure(text) if text else ("", 0)
    return MessagePreview(
        language=language,
        name=str(Language(language).label),
        text=text,
        written_in=written,
        written_name=str(Language(written).label) if written else "",
        encoding=ENCODINGS.get(encoding, ""),
        segments=count,
        characters=len(text),
    )
