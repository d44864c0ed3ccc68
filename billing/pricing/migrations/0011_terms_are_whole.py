"""An agreed price names its units, and a step is whole: NULL must not slip through a CHECK."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('pricing', '0010_customer_terms'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='pricediscount',
            options={'ordering': ['workspace', 'provider', 'model', 'meter', '-effective_from'], 'verbose_name': 'plan discount'},
        ),
        migrations.AlterModelOptions(
            name='priceoverride',
            options={'ordering': ['workspace', 'provider', 'model', 'meter', '-effective_from'], 'verbose_name': 'agreed price'},
        ),
        migrations.RemoveConstraint(
            model_name='priceoverride',
            name='price_override_price_or_percent',
        ),
        migrations.RemoveConstraint(
            model_name='tierstep',
            name='tier_step_off_or_price',
        ),
        migrations.AddConstraint(
            model_name='priceoverride',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('per__gt', 0), ('per__isnull', False), ('percent', None), ('price__gte', 0), ('price__isnull', False), models.Q(('meter', ''), _negated=True)), models.Q(('per', None), ('percent__gt', -100), ('percent__isnull', False), ('price', None)), _connector='OR'), name='price_override_price_or_percent'),
        ),
        migrations.AddConstraint(
            model_name='tierstep',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('off__gte', 0), ('off__isnull', False), ('off__lte', 100), ('per', None), ('price', None)), models.Q(('off', None), ('per__gt', 0), ('per__isnull', False), ('price__gte', 0), ('price__isnull', False)), _connector='OR'), name='tier_step_off_or_price'),
        ),
    ]
