"""Errors in Stripe's own words and shapes."""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """An answer with an `error` object. What an invalid request changed is forgotten."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        told = {"type": kind, "message": message, "code": code, "param": param} | more
        self.status = status
        self.error: Json = {name: value for name, value in told.items() if value is not None}


class CardError(ApiError):
    """The bank said no. What the attempt left (a failed charge, an intent to try again) stays."""

    def __init__(self, message: str, *, code: str, **more: Any) -> None:
        super().__init__(message, status=402, kind="card_error", code=code, **more)


def missing_object(kind: str, key: object, param: str = "id") -> ApiError:
    words = kind.replace("checkout.session", "checkout session").replace("payment_method", "PaymentMethod")
    return ApiError(f"No such {words}: '{key}'", status=404, code="resource_missing", param=param)


def missing_param(name: str) -> ApiError:
    return ApiError(f"Missing required param: {name}.", code="parameter_missing", param=name)


def unknown_param(name: str) -> ApiError:
    return ApiError(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(message, param=param, code=code)


def not_simulated(what: str, param: str | None = None) -> ApiError:
    """For what Stripe can do and we cannot: better refused than quietly left out."""
    return ApiError(f"The local stand-in does not simulate {what}.", param=param)
