"""The sound of a prompt, for the back office alone."""

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from messaging.models import IvrPrompt


@require_safe
@never_cache
@permission_required("messaging.view_ivrprompt", raise_exception=True)
def _sound(request: HttpRequest, prompt_id: int) -> FileResponse:
    prompt = get_object_or_404(IvrPrompt, pk=prompt_id)
    try:
        file = prompt.sound.open("rb")
    except (OSError, ValueError) as error:  # the file is gone, or none was ever made
        raise Http404 from error
    return FileResponse(file, content_type="audio/wav", filename=f"{prompt.name}-{prompt.language}.wav")


sound = admin.site.admin_view(_sound)
