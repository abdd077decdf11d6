from django.db import migrations


class Migration(migrations.Migration):
    run_before = [("core", "0001_initial")]
