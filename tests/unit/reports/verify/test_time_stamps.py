"""Time stamps of a run's heads: whose they are, of what and when; against tokens that OpenSSL, as the server, has made."""

import dataclasses
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from v2g_bench.commands.main import main
from v2g_bench.reports.model.chain import EVENTS, read_chain
from v2g_bench.reports.model.findings import Verification
from v2g_bench.reports.sign.laboratory import laboratory
from v2g_bench.reports.verify.time_stamps import TimeStamps, check_time_stamps, read_answers

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the command openssl")

CONFIG = """
[req]
distinguished_name = name
x509_extensions = authority
prompt = no
[name]
CN = An authority
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[tsa]
basicConstraints = CA:false
extendedKeyUsage = critical,timeStamping
[server]
serial = serial
signer_digest = sha256
digests = sha256, sha512
default_policy = 1.2.3.4.1
accuracy = secs:1
ess_cert_id_alg = sha256
"""


class Server:
    """A time stamp server below an authority of its own; both are files in one folder."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        (folder / "config").write_text(CONFIG)
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "config"]
        self._openssl("req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-days", "3650")
        self._openssl("req", *ec, "-subj", "/CN=A time stamp server", "-keyout", "tsa.key", "-out", "tsa.csr")
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "config", "-extensions", "tsa"]
        self._openssl("x509", "-req", "-in", "tsa.csr", *signed, "-days", "3650", "-out", "tsa.pem")

    def _openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=30)

    def answer(self, imprint, digest="sha256"):
        self._openssl("ts", "-query", f"-{digest}", "-digest", imprint, "-cert", "-out", "query")
        made = ["-config", "config", "-section", "server", "-signer", "tsa.pem", "-inkey", "tsa.key"]
        self._openssl("ts", "-reply", "-queryfile", "query", *made, "-out", "answer")
        return (self.folder / "answer").read_bytes()

    def believes(self, content, imprint):
        """What OpenSSL itself says of an answer, the oracle."""
        (self.folder / "asked").write_bytes(content)
        words = ["ts", "-verify", "-digest", imprint, "-in", "asked", "-CAfile", "ca.pem"]
        done = subprocess.run(["openssl", *words], cwd=self.folder, capture_output=True, timeout=30)
        return done.returncode == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    return Server(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return Server(tmp_path_factory.mktemp("tsa") / "other")


@pytest.fixture
def run(kept, tmp_path):
    """A run with its chain, of today: a server states the time of the day."""
    now = datetime.now(UTC)
    run = dataclasses.replace(kept.kept_run(tmp_path / "run"), started=(now - timedelta(hours=1)).isoformat(), ended="")
    return kept.chained(run, tmp_path / "run")


@pytest.fixture
def heads(run, tmp_path):
    return read_chain((tmp_path / "run" / EVENTS).read_bytes()).heads


@pytest.fixture
def listed(server, tmp_path):
    shutil.copy(server.folder / "ca.pem", tmp_path / "authority.pem")
    path = tmp_path / "laboratory.toml"
    path.write_text('[[time_stamp]]\nname = "TSA"\ncertificate = "authority.pem"\n')
    return laboratory(path, tmp_path / "run")


@pytest.fixture
def check(run, tmp_path, listed):
    def check(answers, keys=listed, of=run):
        result = check.result = Verification()
        check_time_stamps(tmp_path / "run", of, result, TimeStamps(answers, keys))
        return [f"{found.where}: {found.text}" for found in result.findings]

    return check


def test_a_head_that_was_stamped(check, server, heads):
    head = heads[2]
    content = server.answer(head.sha256)
    assert server.believes(content, head.sha256)
    assert check({"a.tsr": content}) == []
    (said,) = check.result.done
    assert said.startswith("1 time stamps of heads, by a server on the laboratory's list, the last of record 3 at 20")
    assert check.result.notes == [f"{len(heads) - 3} records are behind the last head with a time stamp"]


def test_the_servers_own_certificate_can_be_the_listed_one(check, server, heads, tmp_path, listed):
    shutil.copy(server.folder / "tsa.pem", tmp_path / "authority.pem")
    keys = laboratory(listed.path, tmp_path / "run")
    assert check({"a.tsr": server.answer(heads[0].sha256)}, keys) == []


def test_a_server_that_nobody_knows(check, other, heads):
    (found,) = check({"a.tsr": other.answer(heads[2].sha256)})
    assert found.startswith("a.tsr: record 3: it")
    assert check.result.notes == ["no head of its chain has a time stamp"]


def test_a_token_that_was_changed(check, server, heads):
    """Any byte of its last part, which is the signature, and of the time that it states."""
    content = server.answer(heads[2].sha256)
    stated = content.index(datetime.now(UTC).strftime("%Y%m").encode())
    for place in (stated + 3, len(content) - 3):
        forged = bytearray(content)
        forged[place] ^= 1
        assert not server.believes(bytes(forged), heads[2].sha256)
        assert len(check({"a.tsr": bytes(forged)})) == 1, place


def test_a_token_of_something_else_under_the_heads_name(check, server, heads):
    name = f"{heads[2].sha256}.tsr"
    (found,) = check({name: server.answer("0" * 64), "b.tsr": server.answer(heads[0].sha256)})
    assert found == f"{name}: is of {'0' * 16}…, and not of record 3"


def test_a_time_that_is_not_the_runs(check, server, heads, run):
    content = {"a.tsr": server.answer(heads[2].sha256)}
    for hours, ended in ((-3, -2), (2, 3)):
        began = datetime.now(UTC) + timedelta(hours=hours)
        there = (datetime.now(UTC) + timedelta(hours=ended)).isoformat()
        (found,) = check(content, of=dataclasses.replace(run, started=began.isoformat(), ended=there))
        assert "the run went on from" in found


def test_another_hash_a_refusal_and_what_is_no_token(check, server, heads):
    with pytest.raises(subprocess.CalledProcessError):
        server.answer(heads[0].sha256, "sha512")  # 32 bytes are no SHA-512: OpenSSL asks for no such token
    refused = server.answer(heads[0].sha256)[:0] + bytes.fromhex("30053003020102")
    found = check({"a.tsr": refused, "b.tsr": b"", "c.tsr": b"PK\x03\x04", "d.tsr": server.answer("1" * 64)[:-9]})
    assert found[0] == "a.tsr: the time stamp server has answered 'rejection'"
    assert [one.partition(":")[0] for one in found] == ["a.tsr", "b.tsr", "c.tsr", "d.tsr"]


def test_only_those_of_other_runs_and_none_at_all(check, server):
    assert check({"a.tsr": server.answer("2" * 64)}) == ["events.jsonl: no head of this chain was stamped, 1 of others"]
    assert check({}) == []
    assert check.result.notes == ["no head of its chain has a time stamp"]


def test_without_a_list_nobody_knows_whose_it_is(check, server, heads):
    assert check({"a.tsr": server.answer(heads[-1].sha256)}, None) == []
    assert check.result.impossible == [
        "who made the time stamps: no list of the laboratory names a time stamp server here"
    ]


def test_a_run_cannot_vouch_for_its_own_server(server, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(server.folder / "ca.pem", run / "authority.pem")
    (tmp_path / "laboratory.toml").write_text('[[time_stamp]]\nname = "TSA"\ncertificate = "run/authority.pem"\n')
    command = ["verify", str(run), f"--time-stamps={tmp_path}", f"--laboratory={tmp_path / 'laboratory.toml'}"]
    assert main(command) == 2
    assert "a run cannot vouch for itself" in capsys.readouterr().err


def test_the_files_of_a_folder(tmp_path):
    (tmp_path / "a.tsr").write_bytes(b"x")
    (tmp_path / "heads.log").write_text("")
    assert read_answers(tmp_path) == {"a.tsr": b"x"}
    with pytest.raises(Exception, match="cannot be read"):
        read_answers(Path("/nowhere"))
