"""Search metrics, the patterns found in them, and what was learnt from those."""

import core.ids
import core.scope
import core.tenancy.constraints
import core.tenancy.models
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('plugin_host', '0005_health'),
        ('tenants', '0003_password_of_one_tenant'),
    ]

    operations = [
        migrations.CreateModel(
            name='SEOMetrics',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin', models.CharField(help_text='The plugin that fed them in.', max_length=63)),
                ('source', models.CharField(max_length=60)),
                ('domain', models.CharField(max_length=253)),
                ('data', models.JSONField()),
                ('metadata', models.JSONField(default=dict, help_text='What plugins added on the way.')),
                ('received_at', models.DateTimeField()),
                ('stored_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('searched_at', models.DateTimeField(help_text='When they were searched for patterns.', null=True)),
                ('note', models.CharField(blank=True, help_text='Why they, or parts of them, were not searched.', max_length=500)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'search metrics',
                'verbose_name_plural': 'search metrics',
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'source', 'domain', '-received_at'], name='plugin_host_seometrics_of'), models.Index(condition=models.Q(('searched_at', None)), fields=['stored_at'], name='plugin_host_seometrics_left')],
                'constraints': [core.tenancy.constraints.TenantPolicy(name='plugin_host_seometrics_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_seometrics_tenant_id_key')],
            },
        ),
        migrations.CreateModel(
            name='SEOPattern',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('source', models.CharField(max_length=60)),
                ('domain', models.CharField(max_length=253)),
                ('subject', models.CharField(blank=True, help_text='The page; empty: the whole domain.', max_length=1000)),
                ('record_id', models.UUIDField(help_text='The record whose page it is.', null=True)),
                ('confidence', models.FloatField()),
                ('evidence', models.JSONField(default=dict)),
                ('found_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('times_seen', models.PositiveIntegerField(default=1)),
                ('metrics', core.tenancy.models.TenantRelation(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='patterns', to='plugin_host.seometrics')),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'verbose_name': 'search pattern',
                'abstract': False,
                'base_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'source', 'domain', 'name', 'subject'), name='plugin_host_seopattern_key'), core.tenancy.constraints.TenantPolicy(name='plugin_host_seopattern_tenant_policy', privileges='SELECT, INSERT, UPDATE, DELETE', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_seopattern_tenant_id_key'), core.tenancy.constraints.TenantForeignKey(field='metrics', name='plugin_host_seopattern_metrics_id_tenant_fk')],
            },
        ),
        migrations.CreateModel(
            name='SEOLearning',
            fields=[
                ('id', models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('plugin', models.CharField(max_length=63)),
                ('pattern_name', models.CharField(max_length=100)),
                ('record_id', models.UUIDField()),
                ('record_version', models.PositiveIntegerField()),
                ('collection_name', models.CharField(max_length=63)),
                ('change', models.JSONField(default=dict, help_text='The fields that were changed, as they are now.')),
                ('applied_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('tenant', models.ForeignKey(db_index=False, default=core.scope.current_tenant_id, editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
                ('pattern', core.tenancy.models.TenantRelation(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='learnings', to='plugin_host.seopattern')),
            ],
            options={
                'verbose_name': 'applied learning',
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'record_id'], name='plugin_host_seolearning_record')],
                'constraints': [core.tenancy.constraints.TenantPolicy(name='plugin_host_seolearning_tenant_policy', privileges='SELECT, INSERT', rows='tenant_id = @tenant@'), models.UniqueConstraint(fields=('tenant', 'id'), name='plugin_host_seolearning_tenant_id_key'), core.tenancy.constraints.TenantForeignKey(field='pattern', name='plugin_host_seolearning_pattern_id_tenant_fk')],
            },
        ),
    ]
