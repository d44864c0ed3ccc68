from accounts.models.keys import ApiKey
from accounts.models.portal import PortalLink
from accounts.models.user import User
from accounts.models.workspace import Invitation, Membership, Project, Workspace

__all__ = ["ApiKey", "Invitation", "Membership", "PortalLink", "Project", "User", "Workspace"]
