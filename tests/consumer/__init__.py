"""What the consumer promises, on real RabbitMQ, MySQL and Valkey."""
