"""The kinds of import, by their names, in the order in which an operator moves in."""

from portal.moving.customers import StripeCustomers
from portal.moving.kinds import Kind
from portal.moving.usage import Usage
from portal.moving.workspaces import Workspaces

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Workspaces(), StripeCustomers(), Usage())}
