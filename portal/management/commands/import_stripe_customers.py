"""manage.py import_stripe_customers: which workspace is which customer of Stripe, from a CSV file."""

from portal.management.importing import ImportCommand


class Command(ImportCommand):
    help = "Link workspaces with their customers at Stripe. Only says what would happen unless --do is given."
    kind = "stripe-customers"
