"""Where changes of content meet plugins: filters and gates inline, actions through deliveries.

receivers    connect the signals of `core`
inline       filters and gates, before anything is written
arguments    what hooks are called with
binding      plugin, tenant, configuration and secrets round a hook's code
"""
