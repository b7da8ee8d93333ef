"""Operations across queue and archive, and the runtime of a service."""
