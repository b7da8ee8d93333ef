"""The queue on Redis Streams: keys, scripts, producer, consumer."""
