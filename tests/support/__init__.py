"""What several tests share: servers, clocks, stand-ins."""
