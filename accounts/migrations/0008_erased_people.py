"""People who asked to be forgotten: closed and nameless, and when."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_suspended_workspaces'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='erased_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('erased_at', None), models.Q(('is_active', False), ('is_staff', False), ('name', '')), _connector='OR'), name='user_erased_is_closed_and_nameless'),
        ),
    ]
