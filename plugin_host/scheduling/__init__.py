"""Work by the clock: tasks and checks of plugins, for each tenant that has them on.

    timing       when something is due: cron lines in a time zone, intervals spread among tenants
    kinds        what the machine needs to know of tasks, and of checks
    definitions  asking plugins what there is to schedule, and keeping the items as they say
    due          turns items whose time has come into runs
    claiming     leases runs to worker processes, in turns among tenants
    running      one run: plugin, tenant, arguments, what its end means
    finishing    outcomes, renewals and recovery of leases
    source       all that as work for a dispatcher
    tasks        the kind "task"
    requests     a plugin asks for a run of its own task
    services     run now, run what is due, switch off and on
    clean_up     takes away old runs
    selectors    what people and programs see of all this

The table of items holds what is due next, the table of runs each time that something was due: one row for each
(item, slot), whoever saw it. The clock and the broker only say "look now".
"""
