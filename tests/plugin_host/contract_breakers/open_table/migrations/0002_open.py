from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("plugin_open_table", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE plugin_open_table_entry DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE plugin_open_table_entry ENABLE ROW LEVEL SECURITY",
        ),
    ]
