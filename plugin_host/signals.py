"""What the plugin host tells the installation's own code; plugins get hooks instead."""

from __future__ import annotations

from django.dispatch import Signal

# step: plugin_host.services.breaker.BreakerStep. The breaker has paused a plugin for a tenant, or let it go on. Sent
# after the commit, in the thread that noted the run, outside of the tenant's scope. What a receiver raises is logged
# and changes nothing.
breaker_changed = Signal()
