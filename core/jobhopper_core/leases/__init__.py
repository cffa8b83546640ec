"""Lease tokens: the proof of a claim that any replica can check without a store.

A token holds the job, the claim, the attempt, the queue and the expiry, signed with
HMAC-SHA256. Whoever holds it may update the job until it expires; nobody can make one
without the signing key. The database still decides: an update counts only while its
claim_id is the row's.
"""
