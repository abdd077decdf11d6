"""Loading plugins so that none of them takes the site down.

app_config      the Django app of a plugin; settings ask it for INSTALLED_APPS
verdicts        which plugins may be loaded, kept by the hash of their code
probe           the subprocess that tries them
foreign_models  models that would change what is not the plugin's
migrations      their migrations, looked at without a database
plugin          one plugin, from package to registrations
loader          all plugins of a process, in order, each isolated
"""
