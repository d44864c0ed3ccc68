"""Errors as RFC 9457 problem documents, with the contract's stable codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from billing.api import jsontext

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Code:
    status: int
    title: str
    meaning: str


CODES: dict[str, Code] = {
    "invalid_request": Code(400, "Invalid request", "The request is malformed; `errors` says where."),
    "invalid_api_key": Code(401, "Invalid API key", "The key is missing, unknown, revoked or expired."),
    "insufficient_credits": Code(402, "Insufficient credits", "The balance does not cover this request."),
    "budget_exceeded": Code(
        402, "Budget exceeded", "A budget that stops requests has too little left, or the key is paused."
    ),
    "payment_required": Code(
        402, "Payment required", "What to pay is in `accepts`, and in the header PAYMENT-REQUIRED (x402)."
    ),
    "payment_disputed": Code(
        402,
        "Payment disputed",
        "A payment of the workspace is disputed; new requests are declined until it is decided.",
    ),
    "workspace_suspended": Code(
        403,
        "Workspace suspended",
        "The operator has suspended the workspace; new requests, and what its keys would buy, are declined meanwhile.",
    ),
    "insufficient_scope": Code(403, "Insufficient scope", "The key is valid but may not do this."),
    "not_found": Code(404, "Not found", "There is nothing here for this key's workspace."),
    "idempotency_conflict": Code(409, "Idempotency conflict", "This id was used before with another body."),
    "hold_resolved": Code(409, "Hold resolved", "The hold was settled, released, or has expired before."),
    "change_refused": Code(
        409, "Change refused", "The plan cannot be changed like this at present; `detail` says why."
    ),
    "preview_stale": Code(409, "Preview stale", "What was shown is not what would happen now. Ask for a new preview."),
    "consent_required": Code(
        409,
        "Consent required",
        "A person has to agree to what may be charged first, on the page at `consent_url`.",
    ),
    "payment_used": Code(409, "Payment used", "The payment was presented before; nothing was credited for it again."),
    "too_many_holds": Code(409, "Too many holds", "The workspace has as many open holds as it may have."),
    "preview_outdated": Code(
        409, "Preview outdated", "What was previewed is not what would be done any more; nothing was done."
    ),
    "payload_too_large": Code(413, "Payload too large", "The body is larger than this endpoint takes."),
    "unknown_model": Code(422, "Unknown model", "No price is known for this model."),
    "unknown_meter": Code(422, "Unknown meter", "No price is known for a meter of this usage."),
    "request_over_limit": Code(422, "Request over limit", "The plan does not allow a request this large."),
    "quality_not_in_plan": Code(422, "Quality not in plan", "The plan does not include this quality."),
    "amount_out_of_range": Code(422, "Amount out of range", "The charge would not fit the ledger."),
    "concurrency_exceeded": Code(
        429,
        "Too many at the same time",
        "As many holds are open as the plan and its add-ons allow; see `Retry-After`.",
    ),
    "rate_limited": Code(429, "Rate limited", "The requests of this minute are used up; see `Retry-After`."),
    "unavailable": Code(503, "Unavailable", "A part the portal needs is not there at the moment. Repeat the request."),
    "internal_error": Code(500, "Internal error", "A fault of the portal. Repeating the same request is safe."),
}


class Problem(Exception):
    """Ends a request with a problem document. `errors` items have `detail` and a `pointer` or `parameter`; `members`
    are what programs may want to know of this one (amounts, a status).
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        status: int | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or CODES[code].title)
        self.code = code
        self.detail = detail or CODES[code].meaning
        self.status = status or CODES[code].status
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"/api/v1/docs#problem-{self.code}",
            "title": CODES[self.code].title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.members,
        }
        if self.errors:
            body["errors"] = self.errors
        return body

    def response(self) -> HttpResponse:
        return HttpResponse(
            jsontext.dumps(self.document()), status=self.status, content_type=CONTENT_TYPE, headers=self.headers
        )


def invalid(detail: str, *, pointer: str | None = None, parameter: str | None = None) -> Problem:
    """A 400 about one place of the request."""
    if pointer is None and parameter is None:
        return Problem("invalid_request", detail)
    place = {"pointer": pointer} if pointer is not None else {"parameter": parameter or ""}
    return Problem("invalid_request", detail, errors=[place | {"detail": detail}])


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901 pointer of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
