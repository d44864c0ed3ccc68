"""manage.py import_workspaces: customers, owners and opening balances from a CSV file."""

from portal.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Import workspaces with their owners and opening balances. Only says what would happen unless --do is given."
    kind = "workspaces"
