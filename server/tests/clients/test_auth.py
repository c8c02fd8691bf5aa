"""Who gets in, from Python: the ADBC driver with users, tokens and TLS against `pareto serve`.

The certificates are made by openssl, a program of its own, for an address on loopback.

Run it alone with:  PARETO_BIN=target/release/pareto python -m pytest server/tests/clients/test_auth.py
"""

import base64
import contextlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow
import pytest
from adbc_driver_flightsql import DatabaseOptions
from serving import Server, binary

PASSWORD = "correct horse battery"
SETUP = [
    f"CREATE USER root PASSWORD '{PASSWORD}'",
    f"CREATE USER ada PASSWORD '{PASSWORD}'",
    "CREATE TABLE sales (id BIGINT, amount BIGINT)",
    "CREATE TABLE hidden (id BIGINT)",
    "INSERT INTO sales VALUES (1, 10), (2, 20)",
    "GRANT SELECT, INSERT ON sales TO ada",
]


def own(warehouse, *statements):
    """Runs statements as the owner of the warehouse: in a process of its own, past the server."""
    command = [binary(), "sql", "--warehouse", str(warehouse)]
    for statement in statements:
        command += ["-c", statement]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def connect(address, user=None, password=PASSWORD, autocommit=True, **options):
    if user is not None:
        options |= {"username": user, "password": password}
    return flight_sql.connect(address, db_kwargs=options, autocommit=autocommit)


def query(address, sql, user=None, password=PASSWORD, **options):
    """The rows of one statement on a connection of its own."""
    with connect(address, user, password, **options) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@contextlib.contextmanager
def refused(status):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        yield caught
    assert caught.value.status_code == status, caught.value


UNAUTHENTICATED = adbc_driver_manager.AdbcStatusCode.UNAUTHENTICATED
UNAUTHORIZED = adbc_driver_manager.AdbcStatusCode.UNAUTHORIZED
NOT_FOUND = adbc_driver_manager.AdbcStatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    path = tmp_path_factory.mktemp("guarded") / "warehouse"
    own(path, *SETUP)
    return path


@pytest.fixture(scope="module")
def server(warehouse):
    server = Server(warehouse)
    yield server
    server.stop()


def test_a_user_reads_what_was_granted(server):
    assert query(server.address, "SELECT sum(amount), current_user FROM sales", "ada") == [(30, "ada")]


def test_a_wrong_password_does_not_get_in(server):
    for user, password in [("ada", "wrong"), ("nobody", PASSWORD), ("ada", "")]:
        with refused(UNAUTHENTICATED):
            query(server.address, "SELECT 1", user, password)
    with refused(UNAUTHENTICATED):
        query(server.address, "SELECT 1")


def test_what_was_not_granted_is_not_there(server):
    with refused(NOT_FOUND) as caught:
        query(server.address, "SELECT * FROM hidden", "ada")
    assert 'table "hidden" does not exist' in str(caught.value)
    with refused(UNAUTHORIZED) as caught:
        query(server.address, "DELETE FROM sales", "ada")
    assert "GRANT DELETE ON public.sales TO ada" in str(caught.value)
    with connect(server.address, "ada") as connection:
        objects = connection.adbc_get_objects(depth="tables").read_all().to_pylist()
    schemas = {schema["db_schema_name"]: schema["db_schema_tables"]
               for catalog in objects for schema in catalog["catalog_db_schemas"]}
    assert [table["table_name"] for table in schemas["public"]] == ["sales"]


def test_an_upload_needs_the_right_to_insert(server, warehouse):
    rows = pyarrow.table({"id": [3], "amount": [30]})
    with connect(server.address, "ada") as connection, connection.cursor() as cursor:
        assert cursor.adbc_ingest("sales", rows, mode="append") == 1
        cursor.executemany("INSERT INTO sales VALUES (?, ?)", [(4, 40), (5, 50)])
        with refused(UNAUTHORIZED):
            cursor.adbc_ingest("mine", rows, mode="create")
    own(warehouse, "DELETE FROM sales WHERE id > 2")


def test_a_revoked_user_is_out_at_the_next_statement(server, warehouse):
    own(warehouse, f"CREATE USER eve PASSWORD '{PASSWORD}'", "GRANT SELECT ON sales TO eve")
    with connect(server.address, "eve") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sales")
        assert cursor.fetchall() == [(2,)]
        own(warehouse, "REVOKE SELECT ON sales FROM eve")
        # The driver reuses what it prepared; the rows are refused when they are asked for.
        with refused(NOT_FOUND):
            cursor.execute("SELECT count(*) FROM sales")
            cursor.fetchall()
        own(warehouse, "DROP USER eve")
        with refused(UNAUTHENTICATED):
            cursor.execute("SELECT 1")


def test_what_was_revoked_is_not_committed(server, warehouse):
    own(warehouse, f"CREATE USER dan PASSWORD '{PASSWORD}'", "GRANT SELECT, INSERT ON sales TO dan")
    with connect(server.address, "dan", autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO sales VALUES (6, 60)")
        own(warehouse, "REVOKE INSERT ON sales FROM dan")
        with refused(UNAUTHORIZED) as caught:
            connection.commit()
        assert "GRANT INSERT ON public.sales TO dan" in str(caught.value)
    assert query(server.address, "SELECT count(*) FROM sales", "dan") == [(2,)]


def test_no_password_is_written_down(server):
    with connect(server.address, "root") as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER temp PASSWORD 'canary in the mine'")
        cursor.execute("SELECT sql FROM system.queries WHERE sql LIKE 'CREATE USER temp%'")
        assert {sql for (sql,) in cursor.fetchall()} == {"CREATE USER temp PASSWORD '***'"}
    with refused(UNAUTHENTICATED):
        query(server.address, "SELECT 1", "temp", "canary of the mine")
    assert "canary" not in "".join(server.lines)


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A CA, and a certificate for 127.0.0.1 of it."""
    folder = tmp_path_factory.mktemp("certificates")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(folder, "req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test CA")
    openssl(folder, "req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.pem", "-days", "2", "-extfile", "names")
    return folder


@pytest.fixture(scope="module")
def encrypted(warehouse, certificates):
    server = Server(warehouse, "--tls-cert", certificates / "server.pem", "--tls-key", certificates / "server.key")
    yield server
    server.stop()


def test_tls(encrypted, certificates):
    assert encrypted.address.startswith("grpc+tls://")
    known = {DatabaseOptions.TLS_ROOT_CERTS.value: (certificates / "ca.pem").read_text()}
    assert query(encrypted.address, "SELECT count(*) FROM sales", "ada", **known) == [(2,)]
    with pytest.raises(adbc_driver_manager.Error):
        query(encrypted.address, "SELECT 1", "ada")
    with pytest.raises(adbc_driver_manager.Error):
        query(encrypted.address.replace("grpc+tls", "grpc"), "SELECT 1", "ada")


def test_our_own_client(encrypted, certificates):
    def sql(password, *arguments):
        command = [binary(), "sql", "--connect", encrypted.address, "--user", "ada", *arguments]
        return subprocess.run([*command, "--format", "csv", "-c", "SELECT count(*) AS n FROM sales"], text=True,
                              capture_output=True, timeout=60, env={**os.environ, "PARETO_PASSWORD": password})

    ca = ["--tls-ca", str(certificates / "ca.pem")]
    assert sql(PASSWORD, *ca).stdout == "n\n2\n"
    wrong = sql("wrong", *ca)
    assert wrong.returncode == 1 and "the user name or the password is wrong" in wrong.stderr
    assert sql(PASSWORD).returncode == 1


def encoded(part):
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Issuer(http.server.BaseHTTPRequestHandler):
    """Publishes the keys of a login service; counts who asks."""

    keys, asked = {}, 0

    def do_GET(self):  # noqa: N802 - the name is the library's
        type(self).asked += 1
        body = json.dumps(type(self).keys).encode()
        self.send_response(200 if self.path == "/keys.json" else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def issuer(certificates):
    """The address of an issuer's keys, over TLS with our CA."""
    openssl(certificates, "genrsa", "-out", "issuer.key", "2048")
    modulus = subprocess.run(["openssl", "rsa", "-in", "issuer.key", "-noout", "-modulus"], cwd=certificates, check=True,
                             capture_output=True, text=True).stdout.strip().split("=")[1]
    Issuer.keys = {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": encoded(bytes.fromhex(modulus)),
                             "e": encoded((65537).to_bytes(3, "big"))}]}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}/keys.json"
    server.shutdown()


def test_tokens_of_an_issuer_whose_keys_come_by_https(warehouse, certificates, issuer):
    def token(**claims):
        claims = {"iss": "login", "aud": "pareto", "sub": "ada", "exp": int(time.time()) + 600} | claims
        signed = f"{encoded({'alg': 'RS256', 'kid': '1'})}.{encoded(claims)}"
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", "issuer.key"], cwd=certificates, check=True,
                                   input=signed.encode(), capture_output=True).stdout
        return f"{signed}.{encoded(signature)}"

    def ask(address, text):
        header = {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {text}"}
        return query(address, "SELECT current_user, sum(amount) FROM sales", **header)

    arguments = ["--jwt-keys", issuer, "--jwt-issuer", "login", "--jwt-audience", "pareto"]
    trusted = Server(warehouse, *arguments, environment={"SSL_CERT_FILE": str(certificates / "ca.pem")})
    try:
        assert ask(trusted.address, token()) == [("ada", 30)]
        assert ask(trusted.address, token()) == [("ada", 30)]
        assert Issuer.asked == 1, "the keys are kept"
        for claims in [{"sub": "nobody"}, {"aud": "other"}, {"iss": "other"}, {"exp": 1}]:
            with refused(UNAUTHENTICATED):
                ask(trusted.address, token(**claims))
        with refused(UNAUTHENTICATED):
            ask(trusted.address, token()[:-4] + "AAAA")
    finally:
        trusted.stop()
    # Keys that come from somebody whose certificate is not known are no keys.
    with pytest.raises(RuntimeError, match="cannot read the keys"):
        Server(warehouse, *arguments)


def test_what_cannot_be_safe_does_not_start(tmp_path):
    def serve(*arguments):
        command = [binary(), "serve", "--warehouse", str(tmp_path / "w"), "--flight", "0.0.0.0:0", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    refused = serve()
    assert refused.returncode == 1 and "--insecure" in refused.stderr, refused.stderr
    half = serve("--tls-cert", "cert.pem")
    assert half.returncode == 2 and "--tls-key" in half.stderr, half.stderr
