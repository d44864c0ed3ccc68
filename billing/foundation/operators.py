"""Who is told when something is wrong with the installation."""

from accounts.models import User


def operators() -> list[str]:
    """The addresses of everybody who may do everything."""
    people = User.objects.filter(is_active=True, is_superuser=True).order_by("pk")
    return list(people.values_list("email", flat=True))
