"""MySQL, MariaDB, RabbitMQ and Valkey in disposable containers, for whatever test needs them."""
