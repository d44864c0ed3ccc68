"""What a month has counted, for prices that depend on it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('metering', '0017_charge_in_the_hour_of_the_price'),
    ]

    operations = [
        migrations.CreateModel(
            name='MonthCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('name', models.CharField(max_length=350)),
                ('quantity', models.DecimalField(decimal_places=9, max_digits=30)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('workspace', 'month', 'name'), name='month_count_once'), models.CheckConstraint(condition=models.Q(('month__day', 1)), name='month_count_of_a_month'), models.CheckConstraint(condition=models.Q(('quantity__gte', 0)), name='month_count_not_negative')],
            },
        ),
    ]
