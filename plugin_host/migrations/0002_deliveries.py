"""Deliveries: open work, its history and attempts in monthly partitions; what plugins keep at run time."""

import core.ids
import core.scope
import core.tenancy.constraints
import core.tenancy.models
import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models

from plugin_host.deliveries.partitions import CreatePartitionedModel


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0001_initial'),
        ('plugin_host', '0001_initial'),
        ('tenants', '0002_before_scope'),
    ]

    operations = [
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('event_type', models.CharField(max_length=60)),
                ('collection_name', models.CharField(blank=True, max_length=63)),
                ('record_id', models.UUIDField(null=True)),
                ('record_version', models.PositiveIntegerField(null=True)),
                ('plugin', models.CharField(max_length=63)),
                ('hook', models.CharField(help_text='The hook, or the key under which a handler was registered.', max_length=200)),
                ('reason', models.CharField(choices=[('event', 'The event'), ('replay', 'Replayed')], default='event', help_text='Why the row was made.', max_length=12)),
                ('replay_of', models.UUIDField(help_text='The delivery that is made again.', null=True)),
                ('attempt', models.PositiveIntegerField(default=0, help_text='Number of the last attempt.')),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='How many attempts failed by themselves.')),
                ('crashes', models.PositiveSmallIntegerField(default=0, help_text='How often its process died under it.')),
                ('error', models.TextField(blank=True, help_text='What the last failed attempt said.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('running', 'Running')], default='pending', max_length=8)),
                ('next_attempt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('lease_token', models.UUIDField(null=True)),
                ('lease_until', models.DateTimeField(null=True)),
                ('event', core.tenancy.models.TenantRelation(db_constraint=False, on_delete=django.db.models.deletion.RESTRICT, related_name='deliveries', to='core.event')),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(condition=models.Q(('status', 'pending')), fields=['tenant', 'plugin', 'next_attempt_at', 'id'], name='plugin_host_delivery_due_idx'), models.Index(condition=models.Q(('status', 'running')), fields=['lease_until'], name='plugin_host_delivery_lease_idx'), models.Index(fields=['tenant', 'plugin', 'record_id', 'record_version'], name='plugin_host_delivery_order_idx')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'event', 'plugin', 'hook'), name='plugin_host_delivery_event_key'), models.CheckConstraint(condition=models.Q(models.Q(('lease_token__isnull', False), ('lease_until__isnull', False), ('status', 'running')), models.Q(('lease_token__isnull', True), ('lease_until__isnull', True), ('status', 'pending')), _connector='OR'), name='plugin_host_delivery_lease'), core.tenancy.constraints.TenantPolicy(name='plugin_host_delivery_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_delivery_tenant_id_key'), core.tenancy.constraints.TenantForeignKey(field='event', name='plugin_host_delivery_event_id_tenant_fk')],
            },
        ),
        CreatePartitionedModel(
            name='DeliveryAttempt',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('delivery_id', models.UUIDField()),
                ('number', models.PositiveIntegerField()),
                ('worker', models.CharField(help_text='Host and process that ran it.', max_length=120)),
                ('outcome', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('done_with_errors', 'Done with errors'), ('failed', 'Failed'), ('timed_out', 'Timed out'), ('skipped', 'Skipped'), ('lost', 'Lost with its process'), ('released', 'Given back')], default='running', max_length=16)),
                ('error', models.TextField(blank=True)),
                ('log', models.JSONField(default=list, help_text='The lines that were written meanwhile.')),
                ('progress_done', models.BigIntegerField(null=True)),
                ('progress_total', models.BigIntegerField(null=True)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'delivery_id'], name='plugin_host_attempt_delivery')],
                'constraints': [core.tenancy.constraints.TenantPolicy(name='plugin_host_deliveryattempt_tenant_policy', privileges='SELECT, UPDATE (progress_done, progress_total)', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_deliveryattempt_tenant_id_key')],
            },
        ),
        CreatePartitionedModel(
            name='DeliveryHistory',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('event_type', models.CharField(max_length=60)),
                ('collection_name', models.CharField(blank=True, max_length=63)),
                ('record_id', models.UUIDField(null=True)),
                ('record_version', models.PositiveIntegerField(null=True)),
                ('plugin', models.CharField(max_length=63)),
                ('hook', models.CharField(help_text='The hook, or the key under which a handler was registered.', max_length=200)),
                ('reason', models.CharField(choices=[('event', 'The event'), ('replay', 'Replayed')], default='event', help_text='Why the row was made.', max_length=12)),
                ('replay_of', models.UUIDField(help_text='The delivery that is made again.', null=True)),
                ('attempt', models.PositiveIntegerField(default=0, help_text='Number of the last attempt.')),
                ('failures', models.PositiveSmallIntegerField(default=0, help_text='How many attempts failed by themselves.')),
                ('crashes', models.PositiveSmallIntegerField(default=0, help_text='How often its process died under it.')),
                ('error', models.TextField(blank=True, help_text='What the last failed attempt said.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('event_id', models.UUIDField()),
                ('outcome', models.CharField(choices=[('done', 'Done'), ('done_with_errors', 'Done with errors'), ('skipped', 'Skipped'), ('dead', 'Dead')], max_length=16)),
                ('outcome_reason', models.CharField(blank=True, help_text='disabled, loop, attempts, crashes …', max_length=40)),
                ('finished_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'plugin', '-id'], name='plugin_host_history_plugin_idx'), models.Index(fields=['tenant', 'event_id'], name='plugin_host_history_event_idx')],
                'constraints': [core.tenancy.constraints.TenantPolicy(name='plugin_host_deliveryhistory_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_deliveryhistory_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='OnceKey',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin', models.CharField(max_length=63)),
                ('once_scope', models.CharField(help_text='The delivery, or the slot of a schedule.', max_length=200)),
                ('key', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin', 'once_scope', 'key'), name='plugin_host_oncekey_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_oncekey_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_oncekey_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='StoreEntry',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin', models.CharField(max_length=63)),
                ('key', models.CharField(max_length=200)),
                ('value', models.TextField(help_text='JSON.')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'plugin', 'key'), name='plugin_host_storeentry_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_storeentry_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_storeentry_tenant_id_key')],
            },
        ),
        # Its rows are updated twice and then deleted, so space for that is left in each page and cleaned up early.
        migrations.RunSQL(
            "ALTER TABLE plugin_host_delivery SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, "
            "autovacuum_vacuum_threshold = 500)",
            "ALTER TABLE plugin_host_delivery RESET (fillfactor, autovacuum_vacuum_scale_factor, "
            "autovacuum_vacuum_threshold)",
        ),
    ]
