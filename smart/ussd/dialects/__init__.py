"""One file a gateway protocol: its request becomes a GatewayRequest, a Reply becomes its answer."""
