"""manage.py import_usage: usage of before from a CSV file."""

from portal.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Import sums of days from before workspaces came here. Only says what would happen unless --do is given."
    kind = "usage"
