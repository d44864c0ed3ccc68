"""The catalogue of prices, where it comes from, and what customers agreed on. And the meters every installation knows."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from accounts.tables import CreateTables

# key, label, unit, contained in, platform; in the order of lists
METERS = [
    ("input_tokens", "Input tokens", "token", None, False),
    ("cached_input_tokens", "Cached input tokens", "token", "input_tokens", False),
    ("cache_write_tokens", "Cache write tokens", "token", "input_tokens", False),
    ("cache_write_5m_tokens", "Cache write tokens, 5 minutes", "token", "cache_write_tokens", False),
    ("cache_write_1h_tokens", "Cache write tokens, 1 hour", "token", "cache_write_tokens", False),
    ("output_tokens", "Output tokens", "token", None, False),
    ("reasoning_tokens", "Reasoning tokens", "token", "output_tokens", False),
    ("embedding_tokens", "Embedding tokens", "token", None, False),
    ("input_characters", "Input characters", "character", None, False),
    ("audio_input_seconds", "Audio input", "second", None, False),
    ("audio_output_seconds", "Audio output", "second", None, False),
    ("audio_seconds", "Audio", "second", None, False),
    ("images", "Images", "image", None, False),
    ("video_seconds", "Video", "second", None, False),
    ("requests", "Requests", "request", None, False),
    ("pages", "Pages", "page", None, False),
    ("annotated_pages", "Annotated pages", "page", "pages", False),
    ("searches", "Searches", "search", None, False),
    ("messages", "Messages", "message", None, True),
    ("call_minutes", "Call minutes", "minute", None, True),
    ("container_days", "Container days", "day", None, True),
    ("deployments", "Deployments", "deployment", None, True),
    ("storage_gb_days", "Storage GB-days", "GB-day", None, True),
    ("voice_clones", "Voice clones", "clone", None, True),
    ("premium_feature_tokens", "Premium feature tokens", "token", None, True),
    ("static_messages", "Static messages", "message", None, True),
    ("api_calls", "API calls", "call", None, True),
    ("function_calls", "Function calls", "call", None, True),
    ("logic_steps", "Logic steps", "step", None, True),
    ("input_text_tokens", "Text input tokens", "token", "input_tokens", False),
    ("input_audio_tokens", "Audio input tokens", "token", "input_tokens", False),
    ("input_image_tokens", "Image input tokens", "token", "input_tokens", False),
    ("input_video_tokens", "Video input tokens", "token", "input_tokens", False),
    ("input_tool_tokens", "Tool input tokens", "token", "input_tokens", False),
    ("cache_audio_read_tokens", "Cached audio tokens", "token", "cached_input_tokens", False),
    ("cache_image_read_tokens", "Cached image tokens", "token", "cached_input_tokens", False),
    ("cache_text_read_tokens", "Cached text tokens", "token", "cached_input_tokens", False),
    ("cache_video_read_tokens", "Cached video tokens", "token", "cached_input_tokens", False),
    ("cache_audio_write_tokens", "Audio cache write tokens", "token", "cache_write_tokens", False),
    ("output_text_tokens", "Text output tokens", "token", "output_tokens", False),
    ("output_audio_tokens", "Audio output tokens", "token", "output_tokens", False),
    ("output_image_tokens", "Image output tokens", "token", "output_tokens", False),
    ("output_video_tokens", "Video output tokens", "token", "output_tokens", False),
    ("output_citation_tokens", "Citation tokens", "token", "output_tokens", False),
    ("input_images", "Input images", "image", None, False),
    ("output_pixels", "Generated pixels", "pixel", None, False),
    ("input_pixels", "Input pixels", "pixel", None, False),
    ("video_input_seconds", "Video input", "second", None, False),
    ("web_searches", "Web searches", "search", None, False),
    ("storage_searches", "Storage searches", "search", None, False),
    ("social_searches", "Social searches", "search", None, False),
    ("code_executions", "Code executions", "call", None, False),
    ("input_text_messages", "Text messages to the model", "message", None, False),
    ("ocr_credits", "OCR credits", "credit", None, False),
]


def add_meters(apps, schema_editor):
    meter = apps.get_model("pricing", "Meter")
    rows = [
        meter(key=key, label=label, unit=unit, contained_in_id=parent, platform=platform, position=position * 10)
        for position, (key, label, unit, parent, platform) in enumerate(METERS, start=1)
    ]
    # Grounding with maps, which LiteLLM's file has prices of; it came later, and stands between the others.
    rows.append(meter(key="map_searches", label="Map searches", unit="search", position=475))
    meter.objects.bulk_create(rows, ignore_conflicts=True)
    apps.get_model("pricing", "PriceRevision").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('pricing', '0001_initial'),
        ('pricing', '0002_makers_markup_revision'),
        ('pricing', '0003_meters'),
        ('pricing', '0004_sources'),
        ('pricing', '0005_map_searches'),
        ('pricing', '0010_customer_terms'),
        ('pricing', '0011_terms_are_whole'),
    ]
    dependencies = [
        ('accounts', '0001_squashed_0008_erased_people'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='PriceImport',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('source', models.CharField(max_length=40)),
                        ('version', models.CharField(max_length=80)),
                        ('digest', models.CharField(max_length=64)),
                        ('at', models.DateTimeField()),
                        ('applied', models.BooleanField()),
                        ('lines', models.PositiveIntegerField()),
                        ('report', models.JSONField(default=dict)),
                    ],
                    options={
                        'ordering': ['-id'],
                    },
                ),
                migrations.CreateModel(
                    name='CatalogModel',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(max_length=80)),
                        ('model', models.CharField(max_length=200)),
                        ('name', models.CharField(max_length=200)),
                        ('modality', models.CharField(max_length=20)),
                        ('context_window', models.PositiveIntegerField(blank=True, null=True)),
                        ('aliases', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), default=list, size=None)),
                        ('by_maker', models.BooleanField(default=False)),
                        ('source', models.CharField(blank=True, max_length=40)),
                        ('retired_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['provider', 'model'],
                        'constraints': [models.UniqueConstraint(fields=('provider', 'model'), name='catalog_model_once')],
                    },
                ),
                migrations.CreateModel(
                    name='Markup',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('percent', models.DecimalField(decimal_places=3, max_digits=7)),
                        ('effective_from', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        'ordering': ['provider', 'model', '-effective_from'],
                        'constraints': [models.UniqueConstraint(fields=('provider', 'model', 'effective_from'), name='markup_once_per_instant', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('percent__gt', -100)), name='markup_above_minus_100_percent'), models.CheckConstraint(condition=models.Q(('model', ''), models.Q(('provider', ''), _negated=True), _connector='OR'), name='markup_model_needs_provider')],
                    },
                ),
                migrations.CreateModel(
                    name='Meter',
                    fields=[
                        ('key', models.CharField(max_length=60, primary_key=True, serialize=False)),
                        ('label', models.CharField(max_length=80)),
                        ('unit', models.CharField(max_length=20)),
                        ('contained_in', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='pricing.meter')),
                        ('platform', models.BooleanField(default=False)),
                        ('position', models.PositiveSmallIntegerField(default=100)),
                        ('aggregation', models.CharField(choices=[('sum', 'Sum: every unit counts'), ('count', 'Count: every event that carries it counts one'), ('max', "Highest: an event counts what it adds to the month's highest value (UTC)")], db_default='sum', default='sum', max_length=5)),
                    ],
                    options={
                        'ordering': ['position', 'key'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('aggregation', 'sum'), ('contained_in', None), _connector='OR'), name='meter_part_is_summed')],
                    },
                ),
                migrations.CreateModel(
                    name='PriceLine',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('source', models.CharField(max_length=40)),
                        ('provider', models.CharField(max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('meter', models.CharField(max_length=60)),
                        ('dims', models.JSONField(default=dict)),
                        ('dims_key', models.CharField(max_length=200)),
                        ('unit', models.CharField(max_length=20)),
                        ('price', models.DecimalField(decimal_places=15, max_digits=24)),
                        ('per', models.BigIntegerField()),
                        ('upstream_from', models.DateField(blank=True, null=True)),
                        ('upstream_until', models.DateField(blank=True, null=True)),
                        ('effective_from', models.DateTimeField(blank=True, null=True)),
                        ('effective_to', models.DateTimeField(blank=True, null=True)),
                        ('markup_percent', models.DecimalField(blank=True, decimal_places=3, max_digits=7, null=True)),
                        ('status', models.CharField(choices=[('active', 'Active'), ('pending', 'Pending'), ('rejected', 'Rejected')], default='active', max_length=8)),
                        ('reason', models.CharField(blank=True, max_length=80)),
                        ('imported', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='price_lines', to='pricing.priceimport')),
                    ],
                    options={
                        'indexes': [models.Index(fields=['provider', 'model'], name='price_line_model')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('effective_to', None), ('status', 'active')), fields=('source', 'provider', 'model', 'meter', 'dims_key', 'upstream_from'), name='price_line_one_open', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('per__gt', 0), ('price__gte', 0)), name='price_line_sane'), models.CheckConstraint(condition=models.Q(('effective_to', None), ('effective_from', None), ('effective_to__gt', models.F('effective_from')), _connector='OR'), name='price_line_window')],
                    },
                ),
                migrations.CreateModel(
                    name='PriceRevision',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('number', models.PositiveBigIntegerField(default=1)),
                        ('terms', models.PositiveBigIntegerField(db_default=1, default=1)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='price_revision_one_row')],
                    },
                ),
                migrations.CreateModel(
                    name='PriceSource',
                    fields=[
                        ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                        ('enabled', models.BooleanField(default=True)),
                        ('url', models.URLField(blank=True, max_length=500)),
                        ('refresh_hours', models.PositiveSmallIntegerField(default=24)),
                        ('read_at', models.DateTimeField(blank=True, null=True)),
                        ('error', models.CharField(blank=True, max_length=500)),
                        ('failing_since', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['name'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('refresh_hours__gte', 1)), name='price_source_refresh_hours_positive'), models.CheckConstraint(condition=models.Q(('enabled', False), models.Q(('name__in', ['litellm', 'openrouter']), _negated=True), models.Q(('url', ''), _negated=True), _connector='OR'), name='price_source_fetched_has_url'), models.CheckConstraint(condition=models.Q(models.Q(('error', ''), ('failing_since', None)), models.Q(models.Q(('error', ''), _negated=True), ('failing_since__isnull', False)), _connector='OR'), name='price_source_failing_since_error')],
                    },
                ),
                migrations.CreateModel(
                    name='PriceChange',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('imported', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='pricing.priceimport')),
                        ('kind', models.CharField(choices=[('added', 'Added'), ('changed', 'Changed'), ('held', 'waits for approval'), ('retired', 'Retired'), ('differs', 'differs from another source'), ('missing', 'missing from a refused reading')], max_length=8)),
                        ('line', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='pricing.priceline')),
                        ('old', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='pricing.priceline')),
                        ('note', models.CharField(blank=True, max_length=120)),
                    ],
                    options={
                        'ordering': ['id'],
                        'constraints': [models.CheckConstraint(condition=models.Q(('line__isnull', False), ('old__isnull', False), _connector='OR'), name='price_change_names_a_line')],
                    },
                ),
                migrations.CreateModel(
                    name='PriceDiscount',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('meter', models.CharField(blank=True, max_length=60)),
                        ('effective_from', models.DateTimeField()),
                        ('effective_to', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('percent', models.DecimalField(decimal_places=3, max_digits=6)),
                        ('label', models.CharField(blank=True, max_length=80)),
                    ],
                    options={
                        'ordering': ['workspace', 'provider', 'model', 'meter', '-effective_from'],
                        'indexes': [models.Index(fields=['workspace'], name='price_discount_of_workspace')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('effective_to', None)), fields=('workspace', 'provider', 'model', 'meter'), name='price_discount_one_open'), models.CheckConstraint(condition=models.Q(('percent__gt', 0), ('percent__lte', 100)), name='price_discount_percent'), models.CheckConstraint(condition=models.Q(('model', ''), models.Q(('provider', ''), _negated=True), _connector='OR'), name='price_discount_model_needs_provider'), models.CheckConstraint(condition=models.Q(('effective_to', None), ('effective_to__gte', models.F('effective_from')), _connector='OR'), name='price_discount_window')],
                        'verbose_name': 'plan discount',
                    },
                ),
                migrations.CreateModel(
                    name='PriceOverride',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('meter', models.CharField(blank=True, max_length=60)),
                        ('effective_from', models.DateTimeField()),
                        ('effective_to', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('variant', models.JSONField(blank=True, default=dict)),
                        ('variant_key', models.CharField(blank=True, max_length=200)),
                        ('price', models.DecimalField(blank=True, decimal_places=15, max_digits=24, null=True)),
                        ('per', models.BigIntegerField(blank=True, null=True)),
                        ('percent', models.DecimalField(blank=True, decimal_places=3, max_digits=7, null=True)),
                        ('note', models.CharField(blank=True, max_length=200)),
                    ],
                    options={
                        'ordering': ['workspace', 'provider', 'model', 'meter', '-effective_from'],
                        'indexes': [models.Index(fields=['workspace'], name='price_override_of_workspace')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('effective_to', None)), fields=('workspace', 'provider', 'model', 'meter', 'variant_key'), name='price_override_one_open'), models.CheckConstraint(condition=models.Q(('variant_key', ''), models.Q(('meter', ''), _negated=True), _connector='OR'), name='price_override_variant_needs_meter'), models.CheckConstraint(condition=models.Q(('model', ''), models.Q(('provider', ''), _negated=True), _connector='OR'), name='price_override_model_needs_provider'), models.CheckConstraint(condition=models.Q(('effective_to', None), ('effective_to__gte', models.F('effective_from')), _connector='OR'), name='price_override_window'), models.CheckConstraint(condition=models.Q(models.Q(('per__gt', 0), ('per__isnull', False), ('percent', None), ('price__gte', 0), ('price__isnull', False), models.Q(('meter', ''), _negated=True)), models.Q(('per', None), ('percent__gt', -100), ('percent__isnull', False), ('price', None)), _connector='OR'), name='price_override_price_or_percent')],
                        'verbose_name': 'agreed price',
                    },
                ),
                migrations.CreateModel(
                    name='TierSchedule',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('provider', models.CharField(blank=True, max_length=80)),
                        ('model', models.CharField(blank=True, max_length=200)),
                        ('meter', models.CharField(blank=True, max_length=60)),
                        ('effective_from', models.DateTimeField()),
                        ('effective_to', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(auto_now_add=True)),
                        ('workspace', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
                        ('source', models.CharField(choices=[('operator', 'Operator'), ('plan', 'Plan')], default='operator', max_length=8)),
                        ('mode', models.CharField(choices=[('graduated', 'Graduated: each part at the price of its step'), ('volume', 'Volume: the event that reaches a step, and those after it, at its price')], max_length=9)),
                        ('label', models.CharField(blank=True, max_length=80)),
                    ],
                    options={
                        'ordering': ['workspace', 'meter', 'provider', 'model', '-effective_from'],
                        'indexes': [models.Index(fields=['workspace'], name='tier_schedule_of_workspace')],
                        'constraints': [models.UniqueConstraint(condition=models.Q(('effective_to', None)), fields=('workspace', 'source', 'provider', 'model', 'meter'), name='tier_schedule_one_open', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('meter', ''), _negated=True), name='tier_schedule_needs_meter'), models.CheckConstraint(condition=models.Q(('source', 'operator'), ('workspace__isnull', False), _connector='OR'), name='tier_schedule_of_plan_for_somebody'), models.CheckConstraint(condition=models.Q(('model', ''), models.Q(('provider', ''), _negated=True), _connector='OR'), name='tier_schedule_model_needs_provider'), models.CheckConstraint(condition=models.Q(('effective_to', None), ('effective_to__gte', models.F('effective_from')), _connector='OR'), name='tier_schedule_window')],
                    },
                ),
                migrations.CreateModel(
                    name='TierStep',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='pricing.tierschedule')),
                        ('start', models.DecimalField(decimal_places=9, max_digits=21)),
                        ('off', models.DecimalField(blank=True, decimal_places=3, max_digits=6, null=True)),
                        ('price', models.DecimalField(blank=True, decimal_places=15, max_digits=24, null=True)),
                        ('per', models.BigIntegerField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['schedule', 'start'],
                        'constraints': [models.UniqueConstraint(fields=('schedule', 'start'), name='tier_step_once'), models.CheckConstraint(condition=models.Q(('start__gte', 0)), name='tier_step_start_not_negative'), models.CheckConstraint(condition=models.Q(models.Q(('off__gte', 0), ('off__isnull', False), ('off__lte', 100), ('per', None), ('price', None)), models.Q(('off', None), ('per__gt', 0), ('per__isnull', False), ('price__gte', 0), ('price__isnull', False)), _connector='OR'), name='tier_step_off_or_price')],
                    },
                ),
            ],
        ),
        migrations.RunPython(add_meters, migrations.RunPython.noop),
    ]
