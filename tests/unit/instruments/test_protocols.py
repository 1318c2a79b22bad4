from v2g_bench.instruments.protocols import Identity


def test_an_identity_reads_as_a_sentence():
    identity = Identity("FLUKE", "8846A", "123", "08/02/10-11:53")
    assert str(identity) == "FLUKE 8846A, serial 123, firmware 08/02/10-11:53"
