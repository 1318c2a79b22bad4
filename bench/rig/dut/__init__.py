"""The device under test as the bench reaches it: its process, its host, its log.

Public names:

    controller      Controller, Reply
    controller_log  LogTail
    host            ThisMachine
    told            affirmed, told
"""
