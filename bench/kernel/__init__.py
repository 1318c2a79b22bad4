"""SocketCAN anywhere: a kernel with vcan as an ordinary process, in real or in virtual time."""
