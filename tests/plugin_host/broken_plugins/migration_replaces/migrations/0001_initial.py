from django.db import migrations


class Migration(migrations.Migration):
    replaces = [("core", "0001_initial")]
