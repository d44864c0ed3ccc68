"""People, workspaces, keys, invitations and links to the portal."""

import accounts.models.workspace
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from accounts.tables import CreateTables


class Migration(migrations.Migration):
    initial = True
    replaces = [
        ('accounts', '0001_initial'),
        ('accounts', '0002_invitation_sent_at'),
        ('accounts', '0003_invitation_recent_sends'),
        ('accounts', '0004_key_rotation_and_service_scopes'),
        ('accounts', '0005_workspace_rate_limit'),
        ('accounts', '0006_portal_link'),
        ('accounts', '0007_suspended_workspaces'),
        ('accounts', '0008_erased_people'),
    ]
    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]
    operations = [
        CreateTables(
            models=[
                migrations.CreateModel(
                    name='User',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('password', models.CharField(max_length=128, verbose_name='password')),
                        ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                        ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                        ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                        ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                        ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                        ('email', models.EmailField(max_length=254, unique=True, verbose_name='e-mail address')),
                        ('name', models.CharField(blank=True, max_length=120)),
                        ('erased_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                        ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_unique_whatever_case'), models.CheckConstraint(condition=models.Q(('erased_at', None), models.Q(('is_active', False), ('is_staff', False), ('name', '')), _connector='OR'), name='user_erased_is_closed_and_nameless')],
                    },
                ),
                migrations.CreateModel(
                    name='Workspace',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('public_id', models.CharField(default=accounts.models.workspace.new_workspace_id, editable=False, max_length=40, unique=True)),
                        ('external_id', models.CharField(blank=True, max_length=120, null=True, unique=True)),
                        ('name', models.CharField(max_length=120)),
                        ('time_zone', models.CharField(default='UTC', max_length=64)),
                        ('usage_write_allowed', models.BooleanField(default=False)),
                        ('rate_limit', models.PositiveIntegerField(blank=True, null=True, verbose_name='requests per minute, all its keys')),
                        ('suspended_at', models.DateTimeField(blank=True, editable=False, null=True)),
                        ('suspended_reason', models.CharField(blank=True, db_default='', default='', editable=False, max_length=500)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('members', models.ManyToManyField(related_name='workspaces', through='accounts.Membership', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'indexes': [models.Index(condition=models.Q(('suspended_at__isnull', False)), fields=['suspended_at'], name='workspace_suspended')],
                        'constraints': [models.CheckConstraint(condition=models.Q(('external_id', ''), _negated=True), name='workspace_external_id_not_empty'), models.CheckConstraint(condition=models.Q(('rate_limit__gt', 0)), name='workspace_rate_limit_positive'), models.CheckConstraint(condition=models.Q(models.Q(('suspended_at', None), ('suspended_reason', '')), models.Q(('suspended_at__isnull', False), models.Q(('suspended_reason', ''), _negated=True)), _connector='OR'), name='workspace_suspended_for_a_reason')],
                        'permissions': [('suspend_workspace', 'Can suspend and resume workspaces'), ('view_as_customer', "Can look at a customer's pages")],
                    },
                ),
                migrations.CreateModel(
                    name='Membership',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='accounts.workspace')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                        ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('billing', 'Billing'), ('member', 'Member'), ('viewer', 'Viewer')], max_length=10)),
                        ('last_seen_at', models.DateTimeField(blank=True, null=True)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'user'), name='membership_once_per_workspace'), models.CheckConstraint(condition=models.Q(('role__in', ['owner', 'admin', 'billing', 'member', 'viewer'])), name='membership_role_known')],
                    },
                ),
                migrations.CreateModel(
                    name='Project',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='projects', to='accounts.workspace')),
                        ('slug', models.SlugField(max_length=60)),
                        ('name', models.CharField(max_length=120)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('archived_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'ordering': ['name'],
                        'constraints': [models.UniqueConstraint(fields=('workspace', 'slug'), name='project_slug_unique_in_workspace')],
                    },
                ),
                migrations.CreateModel(
                    name='Invitation',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='accounts.workspace')),
                        ('email', models.EmailField(max_length=254)),
                        ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('billing', 'Billing'), ('member', 'Member'), ('viewer', 'Viewer')], max_length=10)),
                        ('token_digest', models.CharField(editable=False, max_length=64, unique=True)),
                        ('invited_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('sent_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('recent_sends', models.PositiveIntegerField(default=1, editable=False)),
                        ('expires_at', models.DateTimeField()),
                        ('accepted_at', models.DateTimeField(blank=True, null=True)),
                        ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'constraints': [models.UniqueConstraint(models.F('workspace'), django.db.models.functions.text.Lower('email'), condition=models.Q(('accepted_at', None), ('revoked_at', None)), name='invitation_one_open_per_address')],
                    },
                ),
                migrations.CreateModel(
                    name='ApiKey',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(choices=[('workspace', 'Workspace'), ('service', 'Service')], max_length=9)),
                        ('workspace', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to='accounts.workspace')),
                        ('project', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='api_keys', to='accounts.project')),
                        ('name', models.CharField(max_length=120)),
                        ('prefix', models.CharField(editable=False, max_length=16, unique=True)),
                        ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                        ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                        ('rate_limit', models.PositiveIntegerField(blank=True, null=True, verbose_name='requests per minute')),
                        ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('expires_at', models.DateTimeField(blank=True, null=True)),
                        ('revoked_at', models.DateTimeField(blank=True, null=True)),
                        ('last_used_at', models.DateTimeField(blank=True, null=True)),
                        ('replaced_by', models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replaces', to='accounts.apikey')),
                        ('expiry_told_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ],
                    options={
                        'ordering': ['-created_at'],
                        'indexes': [models.Index(condition=models.Q(('expires_at__isnull', False), ('expiry_told_at', None), ('revoked_at', None)), fields=['expires_at'], name='api_key_expiry_not_told')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('kind', 'workspace'), ('workspace__isnull', False)), models.Q(('kind', 'service'), ('project__isnull', True), ('workspace__isnull', True)), _connector='OR'), name='api_key_workspace_fits_kind'), models.CheckConstraint(condition=models.Q(('rate_limit__gt', 0)), name='api_key_rate_limit_positive'), models.CheckConstraint(condition=models.Q(('kind', 'service'), models.Q(('scopes__overlap', ['workspaces:read', 'workspaces:write']), _negated=True), _connector='OR'), name='api_key_scopes_fit_kind')],
                    },
                ),
                migrations.CreateModel(
                    name='PortalLink',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                        ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='accounts.apikey')),
                        ('handle', models.CharField(editable=False, max_length=16, unique=True)),
                        ('digest', models.CharField(editable=False, max_length=64)),
                        ('path', models.CharField(max_length=500)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                        ('expires_at', models.DateTimeField(db_index=True)),
                        ('used_at', models.DateTimeField(blank=True, null=True)),
                    ],
                    options={
                        'constraints': [models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='portal_link_expires_later'), models.CheckConstraint(condition=models.Q(('path__startswith', '/w/')), name='portal_link_opens_a_workspace')],
                    },
                ),
            ],
        ),
    ]
