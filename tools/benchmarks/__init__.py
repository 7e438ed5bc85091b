"""CPU time, memory and token requests, compared with plain aiohttp and other clients."""
