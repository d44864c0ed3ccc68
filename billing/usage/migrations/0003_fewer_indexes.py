"""The latest authorisations are found along the holds: an index of their own cost every authorisation a write."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("usage", "0002_authorization_append_only")]

    operations = [migrations.RemoveIndex(model_name="authorization", name="authorization_recent")]
