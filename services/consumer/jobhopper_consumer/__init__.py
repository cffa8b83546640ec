"""The consumer: applies what RabbitMQ carries to MySQL, and offers new work to the hopper.

One thread talks to RabbitMQ (`amqp`); one thread a lane applies (`worker`). Each batch
is one transaction: commit, then offer, then ack.
"""
