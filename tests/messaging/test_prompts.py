"""What calls say: recordings and speech, the files they are kept in, the back office's page and player."""

import io
import math
import os
import shutil
import sys
import wave
from array import array
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from core.access.models import AuditEvent
from messaging.models import IvrPrompt
from messaging.prompts import sounds

speaks = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="no espeak-ng on this machine")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path / "prompts"


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """No espeak-ng."""
    monkeypatch.setattr(sounds, "can_synthesize", lambda: False)


def tone(*, rate: int = 8000, hertz: float = 440, seconds: float = 0.5, channels: int = 1, width: int = 2) -> bytes:
    """A WAV."""
    samples = array(
        "h", [round(12000 * math.sin(2 * math.pi * hertz * index / rate)) for index in range(round(rate * seconds))]
    )
    if sys.byteorder == "big":
        samples.byteswap()
    frames = samples.tobytes() if width == 2 else bytes(len(samples) * width)
    if channels == 2:
        frames = b"".join(frames[at : at + 2] * 2 for at in range(0, len(frames), 2))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return buffer.getvalue()


def heard(sound: bytes) -> tuple[float, float]:
    """Loudness and pitch (by its zero crossings) of a telephone's WAV, its ends left out."""
    with wave.open(io.BytesIO(sound)) as file:
        assert file.getparams()[:3] == (1, 2, 8000)
        samples = array("h", file.readframes(file.getnframes()))[200:-200]
    crossings = sum((first < 0) != (second < 0) for first, second in pairwise(samples))
    return max(samples), crossings / 2 / (len(samples) / 8000)


def publish(
    now: datetime, *, recording: bytes | None = None, prompt: IvrPrompt | None = None, **fields: str
) -> IvrPrompt:
    prompt = prompt or IvrPrompt(name="hello", language="ru", text="Здравствуйте!")
    for name, value in fields.items():
        setattr(prompt, name, value)
    return sounds.publish(prompt, recording=recording, by="staff:aliya", now=now)


@speaks
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("kk", "Сәлеметсіз бе? Сізге 100 бірлік берілді."),
        ("ru", "Вам выдано 100 единиц."),
        ("en", "100 units are yours."),
    ],
)
def test_each_language_is_spoken_as_a_telephone_hears(folder: Path, language: str, text: str) -> None:
    path = Path(sounds.ensure(text, language))

    sound = path.read_bytes()
    loudness, _pitch = heard(sound)
    assert 1000 < sounds.duration_ms(sound) < 15_000
    assert loudness > 3000
    assert path.parent == folder
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in folder.iterdir()] == [path.name]


@speaks
def test_a_text_is_spoken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = sounds.ensure("Hello!", "en")
    monkeypatch.setattr(sounds, "_spoken", None)

    assert sounds.ensure("Hello!", "en") == first
    assert sounds.ensure(" Hello! \r\n", "en") == first


@speaks
@pytest.mark.parametrize("text", ["-v evil", "$(reboot)", "[[h@l'oU]]", "<speak>Hello</speak>", "a" * 300])
def test_a_text_is_never_a_command(text: str) -> None:
    assert Path(sounds.ensure(text, "en")).exists()


def test_without_espeak_and_without_a_recording_there_is_no_prompt(mute: None, folder: Path) -> None:
    with pytest.raises(sounds.PromptMissing) as refused:
        sounds.ensure("Hello!", "en")

    assert refused.value.code == "no_prompt"
    assert not folder.exists()


def test_an_espeak_that_fails_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "espeak-ng"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    with pytest.raises(sounds.PromptMissing):
        sounds.ensure("Hello!", "en")


@pytest.mark.django_db
def test_a_recording_speaks_for_its_text_in_its_language(mute: None, now: datetime) -> None:
    prompt = publish(now, recording=tone())

    assert sounds.ensure("Здравствуйте!", "ru") == prompt.sound.path
    assert (prompt.duration_ms, prompt.is_synthesized) == (500, False)
    assert (prompt.uploaded_by, prompt.uploaded_at) == ("staff:aliya", now)
    with pytest.raises(sounds.PromptMissing):
        sounds.ensure("Здравствуйте!", "kk")


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2], ids=["mono", "stereo"])
def test_other_rates_become_a_telephones(rate: int, channels: int) -> None:
    sound = sounds.telephone_sound(tone(rate=rate, channels=channels))

    loudness, pitch = heard(sound)
    assert abs(sounds.duration_ms(sound) - 500) <= 1
    assert loudness == pytest.approx(12_000, rel=0.03)
    assert pitch == pytest.approx(440, rel=0.02)


def test_what_a_telephone_cannot_carry_does_not_come_back_as_another_tone() -> None:
    loudness, _pitch = heard(sounds.telephone_sound(tone(rate=22_050, hertz=6_000)))

    assert loudness < 200


def test_what_is_as_loud_as_can_be_does_not_turn_over() -> None:
    """A filter goes beyond a square wave's top: there the sample must stay, and not begin again at the bottom."""
    square = array("h", ([32767] * 240 + [-32768] * 240) * 50)
    if sys.byteorder == "big":
        square.byteswap()
    wav = tone(rate=48_000)[:44] + square.tobytes()

    with wave.open(io.BytesIO(sounds.telephone_sound(wav))) as file:
        samples = array("h", file.readframes(file.getnframes()))

    tops = [sample for at, sample in enumerate(samples) if 5 <= at % 80 < 35]
    assert max(samples) == 32767
    assert min(tops) > 20_000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "PCM"),
        (b"ID3\x03 an mp3", "PCM"),
        (tone()[:30], "PCM"),
        (tone()[:44], "empty"),
        (tone(seconds=0), "empty"),
        (tone(rate=48_000, seconds=0.00002), "empty"),
        (tone(width=1), "16 bits"),
        (tone(width=3), "16 bits"),
        (tone(rate=4000), "48 kHz"),
        (tone(rate=96_000), "48 kHz"),
        (tone(seconds=61), "minute"),
        (bytes(sounds.MOST_BYTES + 1), "too large"),
    ],
    ids=["empty", "mp3", "cut", "header", "silent", "one sample", "8-bit", "24-bit", "slow", "fast", "long", "large"],
)
def test_other_files_are_refused_in_words(data: bytes, why: str) -> None:
    with pytest.raises(sounds.SoundUnfit) as refused:
        sounds.telephone_sound(data)

    assert why in str(refused.value)


@pytest.mark.django_db
def test_a_changed_text_needs_a_new_recording(mute: None, now: datetime) -> None:
    prompt = publish(now, recording=tone())

    with pytest.raises(sounds.RecordingOutdated):
        publish(now, prompt=prompt, text="До свидания!")

    publish(now, prompt=prompt, text="До свидания!", recording=tone(seconds=0.25))
    assert prompt.duration_ms == 250


@pytest.mark.django_db
def test_another_name_keeps_the_recording(mute: None, now: datetime) -> None:
    prompt = publish(now, recording=tone())

    publish(now, prompt=prompt, name="greeting")

    assert (prompt.is_synthesized, prompt.duration_ms) == (False, 500)


@speaks
@pytest.mark.django_db
def test_a_changed_text_without_a_recording_is_spoken_again(now: datetime) -> None:
    prompt = publish(now)
    before = prompt.sound.name

    publish(now, prompt=prompt, text="До свидания!")

    assert prompt.is_synthesized
    assert prompt.sound.name != before


@pytest.mark.django_db
def test_one_text_belongs_to_one_prompt(mute: None, now: datetime) -> None:
    publish(now, recording=tone())

    with pytest.raises(sounds.TextTaken, match="hello"):
        publish(now, prompt=IvrPrompt(name="other", language="ru", text="Здравствуйте! "), recording=tone())


@pytest.mark.django_db
def test_who_published_and_withdrew_a_prompt_is_on_the_audit_trail(mute: None, now: datetime) -> None:
    prompt = publish(now, recording=tone())
    subject = f"prompt:{prompt.pk}"
    publish(now, prompt=prompt, name="greeting")
    sounds.withdraw(prompt, by="staff:erlan", now=now)

    rows = AuditEvent.objects.filter(subject=subject).order_by("pk").values_list("action", "by", "details__name")
    assert list(rows) == [
        ("publish_prompt", "staff:aliya", "hello"),
        ("publish_prompt", "staff:aliya", "greeting"),
        ("withdraw_prompt", "staff:erlan", "greeting"),
    ]


@pytest.mark.django_db(transaction=True)
def test_a_withdrawn_prompt_leaves_no_sound(mute: None, now: datetime) -> None:
    sounds.withdraw(publish(now, recording=tone()), by="staff:aliya", now=now)

    with pytest.raises(sounds.PromptMissing):
        sounds.ensure("Здравствуйте!", "ru")


@speaks
@pytest.mark.django_db
def test_the_sweep_takes_what_is_old_spoken_and_unlisted(folder: Path, now: datetime) -> None:
    listed = publish(now)
    recorded = publish(now, prompt=IvrPrompt(name="bye", language="ru", text="До свидания!"), recording=tone())
    old, fresh = Path(sounds.ensure("Old", "en")), Path(sounds.ensure("Fresh", "en"))
    for path in (Path(listed.sound.path), Path(recorded.sound.path), old):
        os.utime(path, (0, 0))

    assert sounds.sweep(older_than=timedelta(days=40)) == 1
    assert not old.exists()
    assert {path.name for path in folder.iterdir()} == {
        fresh.name,
        Path(listed.sound.name).name,
        Path(recorded.sound.name).name,
    }


@pytest.fixture
def aliya(db: None, client: Client) -> Client:
    """A member of staff who may see and change prompts."""
    user = User.objects.create_user("aliya", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__model="ivrprompt"))
    client.force_login(user)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def save(client: Client, *, to: str = "add", recording: bytes | None = None, **fields: str) -> HttpResponse:
    data: dict[str, object] = {"name": "hello", "language": "ru", "text": "Здравствуйте!", **fields}
    if recording is not None:
        data["recording"] = SimpleUploadedFile("hello.wav", recording, "audio/wav")
    address = reverse("admin:messaging_ivrprompt_add")
    if to != "add":
        address = reverse("admin:messaging_ivrprompt_change", args=[to])
    return client.post(address, data)


def test_staff_upload_a_recording_and_listen_to_it(mute: None, aliya: Client) -> None:
    assert save(aliya, recording=tone(rate=16_000)).status_code == 302

    prompt = IvrPrompt.objects.get()
    player = reverse("prompts:sound", args=[prompt.pk])
    page = aliya.get(reverse("admin:messaging_ivrprompt_change", args=[prompt.pk]))
    sound = aliya.get(player)
    assert f'<audio controls preload="none" src="{player}"></audio>' in page.content.decode()
    assert "media-src 'self'" in page.headers["Content-Security-Policy"]
    assert sound.headers["Content-Type"] == "audio/wav"
    assert sounds.duration_ms(b"".join(sound.streaming_content)) == 500  # type: ignore[arg-type]
    assert prompt.uploaded_by == "staff:aliya"


def test_the_list_and_an_empty_page_open(mute: None, aliya: Client, now: datetime) -> None:
    publish(now, recording=tone())

    assert "0.5" in aliya.get(reverse("admin:messaging_ivrprompt_changelist")).content.decode()
    assert aliya.get(reverse("admin:messaging_ivrprompt_add")).status_code == 200


@speaks
def test_without_a_file_the_text_is_spoken(aliya: Client) -> None:
    assert save(aliya).status_code == 302

    prompt = IvrPrompt.objects.get()
    assert prompt.is_synthesized
    assert prompt.duration_ms > 500


@pytest.mark.parametrize(
    ("recording", "sentence"),
    [(None, "no recording of this text"), (b"RIFF nonsense", "must be a WAV"), (tone(width=1), "16 bits")],
    ids=["nothing", "nonsense", "8-bit"],
)
def test_what_cannot_be_played_is_refused_on_the_page(
    mute: None, aliya: Client, recording: bytes | None, sentence: str
) -> None:
    response = save(aliya, recording=recording)

    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not IvrPrompt.objects.exists()


def test_a_second_prompt_of_the_same_text_is_refused_on_the_page(mute: None, aliya: Client) -> None:
    save(aliya, recording=tone())

    response = save(aliya, name="other", recording=tone())

    assert "Another prompt says this text" in response.content.decode()
    assert IvrPrompt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_deleting_a_prompt_deletes_its_sound(mute: None, aliya: Client, folder: Path) -> None:
    save(aliya, recording=tone())
    prompt = IvrPrompt.objects.get()

    aliya.post(reverse("admin:messaging_ivrprompt_delete", args=[prompt.pk]), {"post": "yes"})

    assert not IvrPrompt.objects.exists()
    assert not list(folder.iterdir())


def test_strangers_hear_nothing(mute: None, aliya: Client, now: datetime) -> None:
    player = reverse("prompts:sound", args=[publish(now, recording=tone()).pk])
    aliya.logout()

    assert aliya.get(player).status_code == 302

    aliya.force_login(User.objects.create_user("charlie", password="x", is_staff=True))
    assert aliya.get(player).status_code == 403


def test_a_sound_that_is_gone_is_not_found(mute: None, aliya: Client, now: datetime) -> None:
    prompt = publish(now, recording=tone())
    Path(prompt.sound.path).unlink()

    assert aliya.get(reverse("prompts:sound", args=[prompt.pk])).status_code == 404
    assert aliya.get(reverse("prompts:sound", args=[prompt.pk + 1])).status_code == 404
