"""Health: the verdict of each check at each target, and the results behind it."""

import core.ids
import core.scope
import core.tenancy.constraints
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plugin_host', '0004_schedule'),
        ('tenants', '0003_password_of_one_tenant'),
    ]

    operations = [
        migrations.CreateModel(
            name='HealthResult',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin', models.CharField(max_length=63)),
                ('check_id', models.CharField(max_length=200)),
                ('target', models.CharField(help_text='A domain, or what the check names.', max_length=253)),
                ('status', models.CharField(choices=[('healthy', 'Healthy'), ('degraded', 'Degraded'), ('unhealthy', 'Unhealthy'), ('unknown', 'Unknown')], max_length=12)),
                ('severity', models.CharField(help_text="How much the check's failure matters.", max_length=12)),
                ('trouble', models.CharField(blank=True, choices=[('not_ready', 'Not ready'), ('auth_failed', 'Credentials refused'), ('broken', 'Broken')], help_text='Empty where the check itself gave the verdict.', max_length=12)),
                ('message', models.TextField(blank=True, help_text='The finding that decides, or what went wrong.')),
                ('details', models.JSONField(default=list, help_text='All findings.')),
                ('response_time_ms', models.FloatField(help_text='The slowest that the check reports.', null=True)),
                ('duration_ms', models.FloatField(help_text='How long the check itself ran.')),
                ('retry_after_seconds', models.FloatField(help_text='What NotReady asked for.', null=True)),
                ('checked_at', models.DateTimeField(default=django.utils.timezone.now, help_text='When the run began.')),
                ('reason', models.CharField(choices=[('schedule', 'By schedule'), ('manual', 'By hand')], default='schedule', max_length=12)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'plugin', 'check_id', 'target', '-id'], name='plugin_host_health_series_idx'), models.Index(fields=['tenant', 'plugin', '-id'], name='plugin_host_health_plugin_idx')],
                'constraints': [core.tenancy.constraints.TenantPolicy(name='plugin_host_healthresult_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_healthresult_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='HealthVerdict',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin', models.CharField(max_length=63)),
                ('check_id', models.CharField(max_length=200)),
                ('target', models.CharField(help_text='A domain, or what the check names.', max_length=253)),
                ('status', models.CharField(choices=[('healthy', 'Healthy'), ('degraded', 'Degraded'), ('unhealthy', 'Unhealthy'), ('unknown', 'Unknown')], max_length=12)),
                ('severity', models.CharField(help_text="How much the check's failure matters.", max_length=12)),
                ('trouble', models.CharField(blank=True, choices=[('not_ready', 'Not ready'), ('auth_failed', 'Credentials refused'), ('broken', 'Broken')], help_text='Empty where the check itself gave the verdict.', max_length=12)),
                ('message', models.TextField(blank=True, help_text='The finding that decides, or what went wrong.')),
                ('details', models.JSONField(default=list, help_text='All findings.')),
                ('response_time_ms', models.FloatField(help_text='The slowest that the check reports.', null=True)),
                ('duration_ms', models.FloatField(help_text='How long the check itself ran.')),
                ('retry_after_seconds', models.FloatField(help_text='What NotReady asked for.', null=True)),
                ('checked_at', models.DateTimeField(default=django.utils.timezone.now, help_text='When the run began.')),
                ('definition', models.JSONField(default=dict, help_text='The check, as it was when it ran.')),
                ('result_id', models.UUIDField(help_text='The result that it comes from.')),
                ('status_since', models.DateTimeField(default=django.utils.timezone.now)),
                ('changes', models.PositiveIntegerField(default=0, help_text='How many changes of status were told.')),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin', 'check_id', 'target'), name='plugin_host_healthverdict_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_healthverdict_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_healthverdict_tenant_id_key')],
            },
        ),
    ]
