"""The system of record: one verb, one module, one transaction.

Every verb is a function of a `Transaction`. It finds rows by a plain read, changes them by
primary key in id order, and checks again as it changes them. What differs between databases
stands in the dialect modules alone.
"""
