"""Logo and accent colours, where an audit entry came from, and files that were imported."""

import billing.credits.clock
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_portal_link'),
        ('foundation', '0015_news_told_age'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('digest', models.CharField(max_length=64)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('actor_label', models.CharField(max_length=200)),
                ('rows', models.PositiveIntegerField()),
                ('summary', models.JSONField(default=dict)),
                ('at', models.DateTimeField(default=billing.credits.clock.now, editable=False)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='SiteLogo',
            fields=[
                ('name', models.CharField(editable=False, max_length=80, primary_key=True, serialize=False)),
                ('data', models.BinaryField()),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name='auditentry',
            name='request_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='user_agent',
            field=models.CharField(blank=True, db_default='', default='', max_length=300),
        ),
        migrations.AddField(
            model_name='sitesettings',
            name='accent_dark',
            field=models.CharField(blank=True, db_default='', default='', max_length=7, validators=[django.core.validators.RegexValidator('\\A#[0-9a-f]{6}\\Z', 'Write a colour as # and six digits, such as #0f766e.')]),
        ),
        migrations.AddField(
            model_name='sitesettings',
            name='accent_light',
            field=models.CharField(blank=True, db_default='', default='', max_length=7, validators=[django.core.validators.RegexValidator('\\A#[0-9a-f]{6}\\Z', 'Write a colour as # and six digits, such as #0f766e.')]),
        ),
        migrations.AddConstraint(
            model_name='importrun',
            constraint=models.UniqueConstraint(fields=('kind', 'digest'), name='import_run_once_per_file'),
        ),
        migrations.AddConstraint(
            model_name='importrun',
            constraint=models.CheckConstraint(condition=models.Q(('rows__gt', 0)), name='import_run_has_rows'),
        ),
        migrations.AddConstraint(
            model_name='sitelogo',
            constraint=models.CheckConstraint(condition=models.Q(('name__regex', '^[0-9a-f]{64}\\.(png|jpg)$')), name='site_logo_name_is_of_its_bytes'),
        ),
        migrations.AddField(
            model_name='sitesettings',
            name='logo',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='foundation.sitelogo'),
        ),
        migrations.AddConstraint(
            model_name='sitesettings',
            constraint=models.CheckConstraint(condition=models.Q(('accent_dark__regex', '^(#[0-9a-f]{6})?$'), ('accent_light__regex', '^(#[0-9a-f]{6})?$')), name='site_accents_are_colours'),
        ),
    ]
