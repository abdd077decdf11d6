raise LookupError("no admin today")
