"""Plugins of tenants: state, configuration, secrets."""

import core.ids
import core.scope
import core.tenancy.constraints
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('tenants', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='PlatformPluginSettings',
            fields=[
                ('plugin_id', models.CharField(max_length=63, primary_key=True, serialize=False)),
                ('config', models.JSONField(default=dict)),
                ('secrets', models.JSONField(default=dict, help_text='Key -> {"$env": "NAME"}')),
                ('revision', models.PositiveIntegerField(default=1)),
                ('changed_by', models.CharField(blank=True, max_length=254)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'verbose_name_plural': 'platform plugin settings',
                'db_table': 'platform_plugin_settings',
            },
        ),
        migrations.CreateModel(
            name='PluginConfigRevision',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin_id', models.CharField(max_length=63)),
                ('number', models.PositiveIntegerField(help_text="The settings' revision that it made.")),
                ('config', models.JSONField()),
                ('config_version', models.PositiveIntegerField()),
                ('changed_by', models.CharField(blank=True, max_length=254)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin_id', 'number'), name='plugin_host_configrevision_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_pluginconfigrevision_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_pluginconfigrevision_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='PluginSecret',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin_id', models.CharField(max_length=63)),
                ('key', models.CharField(max_length=200)),
                ('sealed', models.BinaryField()),
                ('data_key_id', models.CharField(max_length=16)),
                ('fingerprint', models.CharField(help_text='By which people recognise the value.', max_length=8)),
                ('set_by', models.CharField(blank=True, max_length=254)),
                ('set_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin_id', 'key'), name='plugin_host_pluginsecret_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_pluginsecret_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_pluginsecret_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='PluginSettings',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin_id', models.CharField(max_length=63)),
                ('state', models.CharField(choices=[('available', 'Available'), ('enabled', 'Enabled'), ('paused', 'Paused'), ('disabled', 'Disabled')], default='available', max_length=12)),
                ('paused_reason', models.CharField(blank=True, max_length=500)),
                ('paused_at', models.DateTimeField(null=True)),
                ('paused_until', models.DateTimeField(help_text='Empty: until somebody resumes it.', null=True)),
                ('paused_by', models.CharField(blank=True, max_length=254)),
                ('config', models.JSONField(default=dict, help_text='What the tenant has set, without defaults.')),
                ('config_version', models.PositiveIntegerField(default=1, help_text="The plugin's, when it was stored.")),
                ('fail_open', models.BooleanField(default=False, help_text='Whether its gates let an operation through when they fail.')),
                ('revision', models.PositiveIntegerField(default=1)),
                ('changed_by', models.CharField(blank=True, max_length=254)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name_plural': 'plugin settings',
                'db_table': 'plugin_settings',
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin_id'), name='plugin_settings_plugin_key'), core.tenancy.constraints.TenantPolicy(name='plugin_settings_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_settings_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='TenantDataKey',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('key_id', models.CharField(help_text='Named in every secret that it seals.', max_length=16)),
                ('master_key_id', models.CharField(max_length=64)),
                ('wrapped', models.BinaryField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'key_id'), name='plugin_host_datakey_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_tenantdatakey_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_tenantdatakey_tenant_id_key')],
            },
        ),
    ]
