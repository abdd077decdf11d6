from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("plugin_good_neighbor", "0001_initial")]
