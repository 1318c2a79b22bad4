"""The fault library: things wrong with the world, as data, each with the readback that proves it reached the wire."""
