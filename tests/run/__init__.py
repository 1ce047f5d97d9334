"""`make test`: every test, in parts that run beside each other on all cores, with one result and an account of the time at the end.

parts.py      what the parts are, and what each needs of the machine
schedule.py   which part may begin now; runs them all to their end, whatever fails
group.py      a control group per part: what it has used of the processors, and its share of them
figures.py    counts, the slowest tests and each part's share, from the reports that pytest wrote
"""
