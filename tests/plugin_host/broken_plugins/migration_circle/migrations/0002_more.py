from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("plugin_migration_circle", "0001_initial")]
