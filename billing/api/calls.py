"""What is known of one API request while it is answered, and the headers that tell it to the caller."""

from dataclasses import dataclass, field
from decimal import Decimal

from django.http import HttpRequest, HttpResponseBase

from accounts.models import ApiKey, Workspace
from billing.api import jsontext
from billing.api.ratelimit import Rate

METERED_HEADERS = {
    "X-Usage-Input-Tokens": "Input tokens of the usage in this request, 0 when there was none.",
    "X-Usage-Output-Seconds": "Seconds of generated audio of the usage in this request.",
    "X-Usage-Total-Tokens": "All tokens of the usage in this request.",
    "X-RateLimit-Limit": "Requests per minute: the key's limit, or its workspace's if that is nearer; 0 without a key.",
    "X-RateLimit-Remaining": "Requests left in this minute.",
    "X-RateLimit-Reset": "Seconds until the next minute begins.",
}


@dataclass(slots=True)
class Call:
    metered: bool = False  # set on the routes that need a key: their answers carry the headers, errors too
    key: ApiKey | None = None
    unchanged: tuple[str, tuple[str, ...]] | None = None  # asks whether a key read earlier is still the same
    known_workspace: Workspace | None = None
    rate: Rate | None = None
    input_tokens: Decimal = field(default_factory=Decimal)
    output_seconds: Decimal = field(default_factory=Decimal)
    total_tokens: Decimal = field(default_factory=Decimal)

    @property
    def workspace(self) -> Workspace:
        if self.known_workspace is None:
            raise LookupError("this request does not name a workspace")
        return self.known_workspace

    def count(self, *, input_tokens: Decimal, output_seconds: Decimal, total_tokens: Decimal) -> None:
        self.input_tokens += input_tokens
        self.output_seconds += output_seconds
        self.total_tokens += total_tokens

    def write_headers(self, response: HttpResponseBase) -> None:
        if not self.metered:
            return
        rate = self.rate
        response["X-Usage-Input-Tokens"] = jsontext.fixed(self.input_tokens)
        response["X-Usage-Output-Seconds"] = jsontext.fixed(self.output_seconds)
        response["X-Usage-Total-Tokens"] = jsontext.fixed(self.total_tokens)
        response["X-RateLimit-Limit"] = str(rate.limit if rate else 0)
        response["X-RateLimit-Remaining"] = str(rate.remaining if rate else 0)
        response["X-RateLimit-Reset"] = str(rate.reset if rate else 0)


def call_of(request: HttpRequest) -> Call:
    """The Call of `request`, made on first use."""
    call: Call | None = getattr(request, "api_call", None)
    if call is None:
        call = Call()
        request.api_call = call  # type: ignore[attr-defined]
    return call
