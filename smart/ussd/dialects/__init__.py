"""One file a gateway protocol: its request becomes a Dial, a Reply becomes its answer."""
