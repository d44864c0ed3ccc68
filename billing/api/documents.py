"""Bodies read as the models that describe them."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from billing.api.problems import Problem, pointer

M = TypeVar("M", bound=BaseModel)


def read(raw: object, model: type[M]) -> M:
    """`raw` as `model`, nothing converted: a number is no text, 1 is not true. Raises Problem 400."""
    try:
        return model.model_validate(raw, strict=True)
    except ValidationError as error:
        places = [{"pointer": pointer(item["loc"]), "detail": item["msg"]} for item in error.errors()]
        detail = f"{places[0]['pointer'][1:] or 'body'}: {places[0]['detail']}"
        raise Problem("invalid_request", detail, errors=places) from error
