"""The hopper: in Redis, per queue, the next jobs in their order, ready to be handed out.

`ready` is a sorted set by (score, id); the score is `priority * 2^42 + run_at in ms`, so priority
comes first, then date, then id. What makes it sound is the *horizon*, a pair (score, id): **`ready`
holds every queued job below the horizon.** Offers at or above it are ignored, because a refill will
read them from MySQL in their turn; so the oldest job is next even with a million behind it, and an
empty hopper whose horizon is infinite means an empty queue, with no question to MySQL. While a
refill is under way offers are kept wherever they lie, and the horizon it brings decides on them; so
work that arrives does not keep a refill from ending. All changes are Lua functions (`hopper.lua`),
each atomic.

The hopper is a copy that may be lost at any moment: MySQL decides at every claim.
"""
