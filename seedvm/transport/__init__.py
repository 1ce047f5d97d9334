"""TLS and HTTP as BMCs speak them: old, slow, odd. Bytes and sockets only; what an answer means is the caller's."""
