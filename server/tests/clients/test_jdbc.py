"""Flight SQL as people use it from Java: the JDBC driver of Apache Arrow against `pareto serve`.

The checks are Java, in `jdbc/`; here they are compiled, given a server of their own and run, one program per section. The
driver comes in two versions, each pinned: its bytes are compared with a checksum, and it is kept in PARETO_CACHE_DIR. Without a
JDK or Maven the tests fail: `.ci/tools` installs both.
"""

import hashlib
import os
import pathlib
import subprocess

import pytest

from serving import Server

SOURCES = pathlib.Path(__file__).parent / "jdbc"
CACHE = pathlib.Path(os.environ.get("PARETO_CACHE_DIR", pathlib.Path.home() / ".cache" / "pareto")) / "jdbc"
SHA256 = {
    "18.3.0": "3f418b46c880e263558c5de669bdbede2c5d4375527ced116fb29f795b03704c",
    "18.2.0": "6a62ec53761f97b3065a59c0f93e463ed34dab2f2d6ad726fbe37bd34c71b63d",
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module", params=SHA256)
def driver(request):
    jar = CACHE / f"flight-sql-jdbc-driver-{request.param}.jar"
    if not jar.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        done = run("mvn", "-q", "-B", "-f", str(SOURCES / "pom.xml"), "dependency:copy-dependencies",
                   f"-DoutputDirectory={CACHE}", f"-Ddriver={request.param}")
        assert done.returncode == 0, done.stdout + done.stderr
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == SHA256[request.param], f"{jar} is not the driver that was pinned"
    return jar


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    target = tmp_path_factory.mktemp("classes")
    done = run("javac", "-Xlint:all", "-Werror", "-d", str(target), *map(str, SOURCES.glob("*.java")))
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def server(driver, tmp_path_factory):
    """One for each driver: each begins with nothing."""
    server = Server(tmp_path_factory.mktemp("jdbc") / "warehouse")
    yield server
    server.stop()


# In any other zone the driver itself shifts what has no zone.
@pytest.mark.parametrize("section", ["metadata", "types", "parameters", "statements"])
def test_the_driver_of_java(driver, classes, server, section):
    address = server.address.removeprefix("grpc://")
    done = run("java", "-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-Duser.timezone=UTC",
               "-cp", f"{classes}{os.pathsep}{driver}", "Main", address, section)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
