import a_package_that_nobody_has

PLUGIN_META = {"id": "missing-import", "name": "Missing import", "version": "1.0.0"}
