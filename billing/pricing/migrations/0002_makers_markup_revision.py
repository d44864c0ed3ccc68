from django.db import migrations, models


class Migration(migrations.Migration):
    """Who makes a model, a markup fixed on a line, and the revision that tells processes of a change."""

    dependencies = [("pricing", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="PriceRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveBigIntegerField(default=1)),
            ],
        ),
        migrations.AddConstraint(
            model_name="pricerevision",
            constraint=models.CheckConstraint(condition=models.Q(("pk", 1)), name="price_revision_one_row"),
        ),
        migrations.AddField(
            model_name="catalogmodel", name="by_maker", field=models.BooleanField(default=False)
        ),
        migrations.AddField(
            model_name="catalogmodel", name="source", field=models.CharField(blank=True, max_length=40)
        ),
        migrations.AddField(
            model_name="priceline",
            name="markup_percent",
            field=models.DecimalField(blank=True, decimal_places=3, max_digits=7, null=True),
        ),
    ]
