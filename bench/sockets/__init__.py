"""Control sockets: one JSON object per line in, one per line out, over an AF_UNIX stream.

    lines      framing: bytes in, whole lines out; no I/O
    requests   what one line may hold, and the bounds of a connection
    listening  the socket of a server: made, and taken over from one that is gone
    server     a server inside an asyncio loop
    polled     a server inside a loop of one thread around `select`
    client     the other end, synchronous; standard library only, because commands must start fast

A server is never ended and never held up by what comes in: lines are bounded in length, depth, digits and time, the clients
in number, and each of them in how long it may leave its answer unread. Between two requests of one client everything else
in the process has its turn.
"""
