"""The calls of the API by who makes them: producer, worker, reader, operator."""
