"""The breaker: a plugin that keeps failing for a tenant is paused there, tried again, and let go on.

    conduct   how a run reflects on its plugin
    policy    from when on a plugin is paused, for how long, and the words for it
    probes    whose turn it is to show whether the plugin works again
    notes     inline runs, written down beside the requests that made them

The counts stand in `plugin_host.models.breaker`, the pause itself in the plugin's settings, and
`plugin_host.services.breaker` changes both.
"""
