PLUGIN_META = {"id": "json", "name": "Named like a module of Python", "version": "1.0.0"}
