"""Keeps files: PostgreSQL has the list of them, and Blob Storage their content."""

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient
from django.conf import settings
from django.http import Http404, HttpResponse
from django.urls import path, re_path
from django.views import View
from django.views.decorators.http import require_safe

from files.identity import credential
from files.models import File

container = ContainerClient(settings.STORAGE_URL, "files", credential)


@require_safe
def list_files(request):
    lines = [f"{file.name} {file.size}\n" for file in File.objects.order_by("name")]
    return HttpResponse("".join(lines), content_type="text/plain; charset=utf-8")


class FileView(View):
    def put(self, request, name):
        # The blob comes first: the list has no file without content.
        container.upload_blob(name, request.body, overwrite=True)
        File.objects.update_or_create(name=name, defaults={"size": len(request.body)})
        return HttpResponse(status=204)

    def get(self, request, name):
        try:
            content = container.download_blob(name).readall()
        except ResourceNotFoundError:
            raise Http404 from None
        # Browsers show it as text, whatever it is.
        return HttpResponse(content, content_type="text/plain; charset=utf-8")


urlpatterns = [
    path("", list_files),
    re_path("^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{0,99})$", FileView.as_view()),
]
