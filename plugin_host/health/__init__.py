"""Health checks: what plugins watch, how it fares, and who is told.

definitions   which checks a plugin has, asked from its collect hook and looked over
execution     one run of a check: the hook in its time limit, and what came of it as a finding
findings      what a hook returned or raised, looked over and made storable
recording     findings become results and verdicts; a change of a verdict becomes an event
running       checks run by hand
verdicts      "is this plugin healthy?", from memory
selectors     what people and programs see of all this
retention     how long results are kept
"""
