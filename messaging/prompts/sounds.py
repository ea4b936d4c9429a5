"""Texts as they sound on the telephone: files named by what they say, recorded by staff or spoken by espeak-ng.

A file lies in MEDIA_ROOT/prompts under a digest of language, text and voice: the sender finds it without asking the
database, and a changed text never speaks with an old recording. Asterisk reads the folder, as a user of our group.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import wave
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import soxr
from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.lib import clock
from core.lib.errors import Refusal
from messaging.models import IvrPrompt

RATE = 8000  # samples a second: what a telephone carries
MOST_SECONDS = 60
MOST_BYTES = 12_000_000  # a minute in stereo at 48 kHz, and some
VOICES = {"kk": "kk", "ru": "ru", "en": "en"}
_FOLDER = "prompts"
_RECORDED = "recorded"
_PATIENCE = 20  # seconds for espeak-ng; a minute of speech takes it under one
Samples = np.ndarray[tuple[int], np.dtype[np.int16]]


class PromptMissing(Refusal):
    """Nothing recorded says this, and nothing here can speak it."""

    code = "no_prompt"
    sentence = _("There is no recording of this text, and espeak-ng is not installed. Upload a recording.")


class SoundUnfit(Refusal):
    """The uploaded file is no sound that a telephone can play."""

    code = "sound_unfit"
    sentence = _("This recording cannot be used: %(why)s")
    status = 422

    def __init__(self, why: str | Promise) -> None:
        super().__init__(why=why)


class RecordingOutdated(Refusal):
    """The text was changed, its recording was not."""

    code = "recording_outdated"
    sentence = _("The recording says the earlier text: upload a recording of the new one.")
    status = 422


class TextTaken(Refusal):
    """One text sounds one way."""

    code = "text_taken"
    sentence = _("Another prompt says this text in this language: %(name)s")
    status = 422


def ensure(text: str, language: str) -> str:
    """Return the path of the file that says the text: the recording, or it spoken by espeak-ng, if need be now.

    Asks no database. Raises PromptMissing.
    """
    recorded = _path(text, language, _RECORDED)
    return str(recorded if recorded.exists() else synthesize(text, language))


def can_synthesize() -> bool:
    """True when espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


def synthesize(text: str, language: str) -> Path:
    """Return the file in which espeak-ng says the text; made when it is not there yet. Raises PromptMissing."""
    path = _path(text, language, _voice(language))
    if path.exists():
        os.utime(path)  # in use: sweep leaves it
        return path
    if language not in VOICES or not can_synthesize():
        raise PromptMissing
    try:
        sound = telephone_sound(_spoken(text, VOICES[language]))
    except (OSError, subprocess.SubprocessError, SoundUnfit) as error:
        raise PromptMissing from error
    _write(path, sound)
    return path


def check(prompt: IvrPrompt, *, text: str, language: str, recording: bytes | None) -> Path:
    """Return the file that will say the text once the prompt is published; spoken already, if there is no recording.

    Raises PromptMissing, RecordingOutdated (the text changed and its recording did not), TextTaken.
    """
    recorded = _path(text, language, _RECORDED)
    spoken = _path(text, language, _voice(language))
    names = [f"{_FOLDER}/{path.name}" for path in (recorded, spoken)]
    if other := IvrPrompt.objects.filter(sound__in=names).exclude(pk=prompt.pk).first():
        raise TextTaken(name=other.name)
    if recording is not None or recorded.exists():
        return recorded
    if prompt.sound and not prompt.is_synthesized:
        raise RecordingOutdated
    return synthesize(text, language)


@transaction.atomic
def publish(prompt: IvrPrompt, *, recording: bytes | None, by: str, now: datetime) -> IvrPrompt:
    """Save a prompt with its sound: the recording, or without one espeak-ng's. Raises SoundUnfit, and as check."""
    path = check(prompt, text=prompt.text, language=prompt.language, recording=recording)
    sound = path.read_bytes() if recording is None else telephone_sound(recording)
    prompt.sound = f"{_FOLDER}/{path.name}"
    prompt.duration_ms = duration_ms(sound)
    prompt.is_synthesized = not path.stem.endswith(f"-{_RECORDED}")
    prompt.uploaded_by, prompt.uploaded_at = by, now
    prompt.save()
    _note(prompt, "publish_prompt", by=by, now=now)
    if recording is not None:
        _write(path, sound)
    return prompt


@transaction.atomic
def withdraw(prompt: IvrPrompt, *, by: str, now: datetime) -> None:
    """Delete a prompt and its sound: what still wants to say it is spoken by espeak-ng, or not at all."""
    name = prompt.sound.name
    _note(prompt, "withdraw_prompt", by=by, now=now)
    prompt.delete()
    if name:
        transaction.on_commit(lambda: _folder().joinpath(Path(name).name).unlink(missing_ok=True))


def _note(prompt: IvrPrompt, action: str, *, by: str, now: datetime) -> None:
    """Put on the audit trail whose words every call now says, or says no more."""
    details = {"name": prompt.name, "language": prompt.language, "is_synthesized": prompt.is_synthesized}
    audit.record(by=by, action=action, subject=f"prompt:{prompt.pk}", details=details, now=now)


def sweep(*, older_than: timedelta = timedelta(days=40)) -> int:
    """Delete spoken files that no prompt lists and no call has used for so long; return how many."""
    oldest = clock.machine().timestamp() - older_than.total_seconds()  # files carry the machine's time
    listed = {Path(name).name for name in IvrPrompt.objects.values_list("sound", flat=True)}
    old = [
        path
        for path in _folder().glob("*.wav")
        if path.name not in listed and not path.stem.endswith(f"-{_RECORDED}") and path.stat().st_mtime < oldest
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def telephone_sound(data: bytes) -> bytes:
    """Return a WAV of 16 bits, mono, 8 kHz from one of 8 to 48 kHz, mono or stereo. Raises SoundUnfit."""
    if len(data) > MOST_BYTES:
        raise SoundUnfit(_("the file is too large."))
    sound = soxr.resample(*_samples(data), RATE)
    if not sound.size:
        raise SoundUnfit(_("it is empty."))
    return _wav(sound)


def duration_ms(sound: bytes) -> int:
    """How long a WAV plays."""
    with wave.open(io.BytesIO(sound)) as file:
        return file.getnframes() * 1000 // file.getframerate()


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / _FOLDER


def _voice(language: str) -> str:
    return f"espeak-ng {VOICES.get(language)}"


def _path(text: str, language: str, voice: str) -> Path:
    words = " ".join(text.split())  # line ends differ between a page's form and a message
    digest = hashlib.sha256("\0".join((language, words, voice)).encode()).hexdigest()[:32]
    return _folder() / (f"{digest}-{_RECORDED}.wav" if voice == _RECORDED else f"{digest}.wav")


def _write(path: Path, sound: bytes) -> None:
    """Put a file in its place at once: a call may be about to play it."""
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(sound)
        os.chmod(name, 0o640)  # Asterisk reads it as one of our group
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _spoken(text: str, voice: str) -> bytes:
    """Let espeak-ng say it. By standard input: a text is no argument, and other users see arguments."""
    words = text.replace("[[", "[ [")  # would begin phonemes
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spoken.wav"
        subprocess.run(
            ["espeak-ng", "-v", voice, "-b", "1", "-w", str(file), "--stdin"],
            input=words.encode(),
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
        )
        return file.read_bytes()


def _samples(data: bytes) -> tuple[Samples, int]:
    """Read a WAV: its samples, two channels made one, and their rate."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate, frames = file.getparams()[:4]
            if width != 2 or channels not in (1, 2):
                raise SoundUnfit(_("it must have 16 bits a sample and one or two channels."))
            if not RATE <= rate <= 48_000:
                raise SoundUnfit(_("its rate must be between 8 and 48 kHz."))
            if frames > rate * MOST_SECONDS:
                raise SoundUnfit(_("it must not be longer than a minute."))
            raw = file.readframes(frames)
    except (wave.Error, EOFError) as error:
        raise SoundUnfit(_("it must be a WAV file with PCM sound.")) from error
    whole = len(raw) // (2 * channels) * channels  # a file may be cut within a frame
    samples = np.frombuffer(raw, np.int16, count=whole).reshape(-1, channels)
    return (samples.sum(axis=1, dtype=np.int32) // channels).astype(np.int16), rate


def _wav(samples: Samples) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()
