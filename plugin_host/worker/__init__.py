"""The worker process: what keeps it busy, and where the work comes from.

source       what a kind of leased work has to offer
dispatcher   keeps a process's slots filled from one source
process      the dispatchers of this process, the sweep and the clock's tick
"""
