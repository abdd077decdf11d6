"""Telling plugins what happened, after the fact and for certain.

    creation     rows for an event, in the event's transaction
    doorbell     wakes a worker after the commit, without making anybody wait for the broker
    claiming     leases due rows, in turns among tenants
    dispatcher   keeps the slots of one worker process filled and writes outcomes together
    execution    one delivery: plugin, tenant, arguments, hook, outcome
    finishing    outcomes, renewals and recovery of leases, each one statement
    replaying    makes deliveries again
    selectors    what people and programs see of all this

The table `Delivery` is the truth: a broker that loses every message costs seconds, never a delivery.
"""
