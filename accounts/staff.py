"""The roles that staff can have, as groups of permissions. What each may do, portal.admin.roles says."""

from enum import StrEnum


class StaffRole(StrEnum):
    """The values are the names of the groups."""

    SUPPORT = "Staff: support"
    FINANCE = "Staff: finance"
    PRICING = "Staff: pricing"
    ADMIN = "Staff: administration"


NAMES = frozenset(role.value for role in StaffRole)
