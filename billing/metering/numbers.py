"""Numbers as clients send them: JSON numbers or decimal strings. Pure; used for quantities everywhere in the API."""

from decimal import Decimal

from billing.metering.errors import EventRejected
from billing.metering.events import plain
from billing.pricing.normalise import DECIMAL, MOST_DIGITS

LARGEST = 10**12
DECIMALS = 9


def quantity(value: object, pointer: str) -> Decimal:
    """`value` as an exact Decimal: finite, 0 to 10^12, at most 9 decimals; or EventRejected with the broken rule."""
    if type(value) is int:
        return Decimal(value) if 0 <= value <= LARGEST else _out_of_range(pointer, negative=value < 0)
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, float):  # from a parser that made floats of JSON numbers: what was written, not its bits
        number = Decimal(repr(value))
    elif isinstance(value, str) and len(value) <= MOST_DIGITS and DECIMAL.fullmatch(value):
        number = Decimal(value) if value[0] != "-" else _out_of_range(pointer, negative=True)
    elif isinstance(value, str) and value.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise EventRejected("invalid_request", "A quantity must be a finite number.", pointer)
    else:
        raise EventRejected("invalid_request", "A quantity is a number or a decimal string.", pointer)
    return _checked(number, pointer)


def _checked(number: Decimal, pointer: str) -> Decimal:
    if not number.is_finite():
        raise EventRejected("invalid_request", "A quantity must be a finite number.", pointer)
    if not number:
        return Decimal(0)
    if number < 0 or number > LARGEST:
        _out_of_range(pointer, negative=number < 0)
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMALS:  # 1.0000000000 is one, not too fine
        spelled = "" if number.adjusted() < -DECIMALS else plain(number)
        if not spelled or len(spelled.partition(".")[2]) > DECIMALS:
            raise EventRejected("invalid_request", f"A quantity has at most {DECIMALS} decimals.", pointer)
        return Decimal(spelled)
    return number


def _out_of_range(pointer: str, *, negative: bool) -> Decimal:
    detail = "A quantity must not be negative." if negative else "A quantity must not exceed 10^12."
    raise EventRejected("invalid_request", detail, pointer)
