"""What staff do with documents. A GET changes nothing: links open forms, whose POST does it, once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action

from accounts.errors import Refused
from accounts.models import User
from billing.credits import clock
from billing.credits.format import exact_text
from billing.credits.units import AmountOutOfRange, credits
from billing.foundation.admin import ReadOnlyAdmin
from billing.foundation.adminforms import ActionForm, action_page
from billing.invoices.admin.forms import CloseForm, Confirmed, CreditForm, PaidForm, SendForm
from billing.invoices.admin.terms import LineForms, TermsForm, lines_of, new_terms, terms_of
from billing.invoices.custom import (
    credits_due,
    custom_credit,
    custom_draft_change,
    custom_draft_create,
    custom_draft_discard,
    custom_issue,
    custom_paid,
    document_close,
)
from billing.invoices.emails import send_again
from billing.invoices.models import Document
from billing.invoices.money import major, money_text
from billing.invoices.presenting import date_text, status_of
from billing.invoices.profiles import recipients
from billing.invoices.views import pdf_response
from billing.ledger.errors import LedgerError

Status = Document.Status
Facts = list[tuple[str, str]]


class DocumentActs(ReadOnlyAdmin):
    """The part of the documents' admin that does something."""

    actions_list = ("new_custom",)
    actions_detail = ("pdf", "change_draft", "issue", "discard", "paid", "close", "credit", "send")

    def has_writing_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm("invoices.add_document")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """What can be done with this document now."""
        found: Sequence[Any] = super().get_actions_detail(request, object_id)
        document = Document.objects.filter(pk=object_id).first()
        able = offered(document) if document else ()
        return [each for each in found if each.action_name.removeprefix("invoices_document_") in able]

    @action(description="New custom invoice", url_path="custom", permissions=["writing"])
    def new_custom(self, request: HttpRequest) -> HttpResponse:
        self._must(request)
        return self._terms_page(request, None)

    @action(description="PDF", url_path="pdf", icon="picture_as_pdf")
    def pdf(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        document = self._document(object_id)
        if document.origin != Document.Origin.OWN:
            return redirect(document.pdf_url or reverse("admin:invoices_document_change", args=[document.pk]))
        return pdf_response(document)

    @action(description="Change", url_path="draft", icon="edit", permissions=["writing"])
    def change_draft(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        self._must(request)
        return self._terms_page(request, self._document(object_id))

    @action(description="Issue and send", url_path="issue", icon="send", permissions=["writing"])
    def issue(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        def apply(document: Document, form: Any) -> str:
            done = custom_issue(document=document, actor=cast(User, request.user), request=request)
            return f"{done.number} is issued, and on its way to {', '.join(recipients(done.workspace)) or 'nobody'}."

        return self._page(
            request,
            object_id,
            form=lambda _: Confirmed(request.POST or None),
            title="Issue {}",
            intro="It gets its number and its date, and goes to the customer by e-mail. After that it can be voided or "
            "credited, but not changed.",
            button="Issue",
            apply=apply,
        )

    @action(description="Discard", url_path="discard", icon="delete", permissions=["writing"])
    def discard(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        def apply(document: Document, form: Any) -> str:
            custom_draft_discard(document=document, actor=cast(User, request.user), request=request)
            return "The draft is gone. It had no number, so none is missing."

        return self._page(
            request,
            object_id,
            form=lambda _: Confirmed(request.POST or None),
            title="Discard {}",
            button="Discard",
            apply=apply,
            back=reverse("admin:invoices_document_changelist"),
        )

    @action(description="Mark paid", url_path="paid", icon="payments", permissions=["writing"])
    def paid(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        def apply(document: Document, form: Any) -> str:
            actor = cast(User, request.user)
            if not custom_paid(document=document, payment=form.payment, actor=actor, request=request):
                return "That was done already; nothing was granted twice."
            return f"{document.number} is paid. {exact_text(max(credits_due(document), 0))} credits were added."

        return self._page(
            request,
            object_id,
            form=lambda _: PaidForm(request.POST or None, initial={"on": clock.now().date()}),
            title="{} was paid",
            intro="The whole amount that is due has arrived. The credits are added at once, and the customer gets a "
            "receipt.",
            button="Mark paid",
            apply=apply,
        )

    @action(description="Void or write off", url_path="close", icon="block", permissions=["writing"])
    def close(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        def apply(document: Document, form: Any) -> str:
            given = form.cleaned_data
            done = document_close(
                document=document,
                status=given["status"],
                reason=given["reason"],
                actor=cast(User, request.user),
                request=request,
            )
            return f"{document.number} is {given['status']}." if done else "That was done already."

        return self._page(
            request,
            object_id,
            form=lambda _: CloseForm(request.POST or None),
            title="Close {}",
            intro="Its number stays used. What is void cannot be paid any more; what is written off can.",
            button="Close",
            apply=apply,
        )

    @action(description="Credit note", url_path="credit", icon="undo", permissions=["writing"])
    def credit(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        def apply(document: Document, form: Any) -> str:
            given = form.cleaned_data
            issued = custom_credit(
                key=given["key"],
                document=document,
                amount=given["amount"],
                credits=given["credits"],
                reason=given["reason"],
                paid_back=form.payment,
                actor=cast(User, request.user),
                request=request,
            )
            return "That was done already." if issued.replay else f"{issued.document.number} is issued and sent."

        def form(document: Document) -> ActionForm:
            initial = {
                "amount": major(document.creditable, document.currency),
                "credits": credits(max(credits_due(document), 0)),
            }
            return CreditForm(request.POST or None, currency=document.currency, initial=initial)

        return self._page(
            request,
            object_id,
            form=form,
            title="Credit note for {}",
            intro="It takes money off the invoice, with its tax, and credits off what it brought. The customer gets it "
            "by e-mail. The money itself is paid back outside the portal.",
            button="Issue credit note",
            apply=apply,
        )

    @action(description="Send again", url_path="send", icon="mail", permissions=["writing"])
    def send(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        def apply(document: Document, form: Any) -> str:
            given = form.cleaned_data
            to = [given["to"]] if given["to"] else None
            sent = send_again(document=document, key=given["key"], actor=cast(User, request.user), to=to)
            if not sent:
                raise ValidationError("Nobody gets this customer's documents: name an address.")
            return f"{document.number} is on its way to {', '.join(sent)}."

        return self._page(
            request,
            object_id,
            form=lambda _: SendForm(request.POST or None),
            title="Send {} again",
            button="Send",
            apply=apply,
        )

    def _page(
        self,
        request: HttpRequest,
        object_id: Any,
        *,
        form: Callable[[Document], ActionForm],
        title: str,
        button: str,
        apply: Callable[[Document, Any], str],
        intro: str = "",
        back: str = "",
    ) -> HttpResponse:
        self._must(request)
        document = self._document(object_id)
        made = form(document)
        return action_page(
            self,
            request,
            form=made,
            title=title.format(document),
            intro=intro,
            facts=facts(document),
            apply=lambda _: refused(partial(apply, document, made)),
            back=back or reverse("admin:invoices_document_change", args=[document.pk]),
            button=button,
        )

    def _terms_page(self, request: HttpRequest, draft: Document | None) -> HttpResponse:
        """The form of a new custom invoice, or of a draft; saving it shows the draft."""
        initial, rows = terms_of(draft) if draft else (new_terms(request.GET.get("workspace", "")), [])
        form = TermsForm(request.POST or None, initial=initial)
        lines = LineForms(request.POST or None, prefix="lines", initial=rows)
        if request.method == "POST" and form.is_valid() and lines.is_valid():
            try:
                saved = refused(partial(_save, draft, form, lines, request))
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, "Saved as a draft. Look at it, then issue it.")
                return redirect(reverse("admin:invoices_document_change", args=[saved.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Change {draft}" if draft else "New custom invoice",
            "form": form,
            "lines": lines,
            "back": reverse("admin:invoices_document_changelist")
            if draft is None
            else reverse("admin:invoices_document_change", args=[draft.pk]),
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "admin/custom_invoice.html", context)

    def _must(self, request: HttpRequest) -> None:
        if not self.has_writing_permission(request):
            raise PermissionDenied

    def _document(self, object_id: Any) -> Document:
        found = Document.objects.select_related("workspace", "invoice").filter(pk=object_id).first()
        if found is None:
            raise Http404
        return found


def offered(document: Document) -> set[str]:
    """Names of what can be done with it."""
    if document.origin != Document.Origin.OWN:
        return {"pdf"} if document.pdf_url else set()
    if document.status == Status.DRAFT:
        return {"pdf", "change_draft", "issue", "discard"}
    able = {"pdf", "send"}
    if document.status in (Status.OPEN, Status.UNCOLLECTIBLE):
        able |= {"paid", "close"}
    if document.purpose == Document.Purpose.CUSTOM and document.creditable:
        able.add("credit")
    return able


def facts(document: Document) -> Facts:
    found = [
        ("Workspace", f"{document.workspace} ({document.workspace.public_id})"),
        ("Total", money_text(document.total, document.currency)),
        ("Credits", exact_text(document.credits) if document.credits else "–"),
        ("Status", status_of(document)),
    ]
    if document.status == Status.OPEN:
        found += [
            ("To be paid", money_text(document.amount_due, document.currency)),
            ("Due on", date_text(document.due_at)),
        ]
    if document.credited:
        found.append(("Credited", money_text(document.credited, document.currency)))
    return found


def refused(act: Callable[[], Any]) -> Any:
    """What `act` answers; what the services refuse becomes an error of the form."""
    try:
        return act()
    except Refused as error:
        raise ValidationError(error.message) from None
    except (LedgerError, AmountOutOfRange) as error:
        raise ValidationError(f"Nothing was done: {error}") from None


def _save(draft: Document | None, form: TermsForm, lines: Any, request: HttpRequest) -> Document:
    given, actor = form.cleaned_data, cast(User, request.user)
    terms = form.terms(lines_of(lines, given["currency"], form.tax))
    if draft is None:
        return custom_draft_create(
            key=given["key"], workspace=given["workspace"], terms=terms, actor=actor, request=request
        )
    if given["workspace"] != draft.workspace:
        raise ValidationError("A draft stays with its workspace: discard it and write another one.")
    return custom_draft_change(document=draft, terms=terms, actor=actor, request=request)
