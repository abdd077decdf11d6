PLUGIN_META = {"id": "celery", "name": "Named like an installed package", "version": "1.0.0"}
