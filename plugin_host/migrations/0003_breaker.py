"""The breaker's counts, and which pauses are its own."""

import core.ids
import core.scope
import core.tenancy.constraints
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plugin_host', '0002_deliveries'),
        ('tenants', '0003_password_of_one_tenant'),
    ]

    operations = [
        migrations.AddField(
            model_name='pluginsettings',
            name='paused_by_breaker',
            field=models.BooleanField(db_default=False, default=False, help_text='Whether the pause ends with a run that goes well.'),
        ),
        migrations.AddField(
            model_name='pluginsettings',
            name='probe_until',
            field=models.DateTimeField(help_text='Until then one run has the turn to show whether the plugin works again.', null=True),
        ),
        migrations.CreateModel(
            name='PluginBreaker',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin_id', models.CharField(max_length=63)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('timeouts', models.PositiveIntegerField(default=0)),
                ('slow_runs', models.PositiveIntegerField(default=0)),
                ('crashes', models.PositiveIntegerField(default=0, help_text='Deliveries that ended because they killed their process.')),
                ('openings', models.PositiveIntegerField(default=0, help_text='How often the plugin was paused without a success in between.')),
                ('cause', models.CharField(blank=True, choices=[('failures', 'failures in a row'), ('timeouts', 'runs in a row out of time'), ('slow_runs', 'slow runs in a row'), ('crashes', 'deliveries that killed their process'), ('blocked', 'a blocked event loop')], max_length=12)),
                ('last_run', models.CharField(blank=True, help_text='What ran when it last went wrong.', max_length=200)),
                ('last_error', models.TextField(blank=True, help_text='One line; secrets are masked.')),
                ('last_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'db_table': 'plugin_breaker',
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin_id'), name='plugin_breaker_plugin_key'), core.tenancy.constraints.TenantPolicy(name='plugin_breaker_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_breaker_tenant_id_key')],
            },
        ),
    ]
