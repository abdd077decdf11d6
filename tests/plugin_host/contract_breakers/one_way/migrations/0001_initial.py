from django.db import migrations


class Migration(migrations.Migration):
    dependencies = []
    operations = [migrations.RunPython(lambda apps, schema_editor: None)]
