"""Taking a plugin out of an installation, with all that it has left in the database.

    footprint   which tables and rows are a plugin's
    planning    what there is of it, and what is in the way
    export      its rows as JSON Lines, without secrets
    removing    all of it gone, or nothing

It works on rows of all tenants at once, as the owner of the tables.
"""
