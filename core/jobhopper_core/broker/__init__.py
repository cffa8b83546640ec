"""RabbitMQ: carries every create and every worker's update to the consumers.

Two lanes, so that an import of a million jobs never delays the end of one; in each lane a
quorum queue a shard, applied by one consumer at a time.
"""
