"""The way of search metrics: received, stored, searched for patterns, learnt from.

receiving    what a plugin feeds in, past the filters, into the table
figures      the figures per page that metrics hold
extraction   the two patterns that the host itself looks for
discovering  stored metrics, past the filters, to patterns and their events
learning     a pattern that a plugin applies to a record
tending      what was left over, and what is too old
"""
