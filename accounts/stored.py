"""What is stored about how a person uses the site, for that person: to read, take away, erase."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import FormView

from analytics import conf, erasure, stored


class EraseForm(forms.Form):
    """The second thought before what cannot be undone."""

    sure = forms.BooleanField(
        label=gettext_lazy("Yes, erase it. I know that this cannot be undone."),
        error_messages={"required": gettext_lazy("Tick this first: it cannot be undone.")},
    )


@method_decorator(never_cache, name="dispatch")
class StoredView(LoginRequiredMixin, FormView):
    """What analytics has stored about the signed-in person; a POST erases it."""

    form_class = EraseForm
    template_name = "accounts/stored.html"
    success_url = reverse_lazy("account_stored")

    def form_valid(self, form: EraseForm) -> HttpResponse:
        """Erase it here; PostHog is asked by and by."""
        erasure.erase(self.request.user.pk)
        sentence = _(
            "All that was stored about how you use the site is deleted. You share nothing."
        )
        messages.success(self.request, sentence)
        return super().form_valid(form)

    def form_invalid(self, form: EraseForm) -> HttpResponse:
        """Show the sentence beside the box, with a status that says so too."""
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what is stored, and what becomes of PostHog's copy."""
        return super().get_context_data(
            **kwargs,
            stored=stored.of(self.request.user.pk),
            outlook=erasure.outlook().name,
            days=conf.get().RETENTION_DAYS,
        )


@require_safe
@never_cache
@login_required
def stored_file(request: HttpRequest) -> StreamingHttpResponse:
    """The same as a file, all of it: a JSON document."""
    pieces = stored.download(request.user.pk)
    file = StreamingHttpResponse(pieces, content_type="application/json")
    file["Content-Disposition"] = 'attachment; filename="stored-about-me.json"'
    return file
