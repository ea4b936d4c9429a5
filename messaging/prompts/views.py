"""The sound of a prompt, for the back office alone."""

from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from core.staff.pages import page
from messaging.models import IvrPrompt


@page("messaging.view_ivrprompt")
@require_safe
def sound(request: HttpRequest, prompt_id: int) -> FileResponse:
    """The recording, or what was spoken of the text."""
    prompt = get_object_or_404(IvrPrompt, pk=prompt_id)
    try:
        file = prompt.sound.open("rb")
    except (OSError, ValueError) as error:  # the file is gone, or none was ever made
        raise Http404 from error
    return FileResponse(file, content_type="audio/wav", filename=f"{prompt.name}-{prompt.language}.wav")
