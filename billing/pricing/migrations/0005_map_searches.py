from django.db import migrations


def add_meter(apps, schema_editor):
    apps.get_model("pricing", "Meter").objects.get_or_create(
        key="map_searches", defaults={"label": "Map searches", "unit": "search", "platform": False, "position": 475}
    )


class Migration(migrations.Migration):
    """Grounding with maps, which LiteLLM's file has prices of."""

    dependencies = [("pricing", "0004_sources")]

    operations = [migrations.RunPython(add_meter, migrations.RunPython.noop)]
