"""What the tests of several clients share: a connection to the server of their file."""

import adbc_driver_flightsql.dbapi as flight_sql
import pytest


@pytest.fixture
def connection(server):
    with flight_sql.connect(server.address, autocommit=True) as connection:
        yield connection
