"""The write path: how creates and worker updates become durable."""
