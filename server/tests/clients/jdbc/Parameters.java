import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.ParameterMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;

/** Every type in: bound to a comparison, to an INSERT and to a cast, with the setter of its kind. */
final class Parameters {
    private Parameters() {}

    private interface Setter {
        void set(PreparedStatement statement) throws Exception;
    }

    private static final String TABLE = "CREATE TABLE jdbc_bound (b BOOLEAN, i8 TINYINT, i16 SMALLINT, i32 INT, "
        + "i64 BIGINT, f32 REAL, f64 DOUBLE, d DECIMAL(12, 2), s VARCHAR, y BYTEA, t DATE, u TIMESTAMP)";

    static void run(Connection connection, Check check) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate(TABLE);
        }
        inserted(connection, check);
        compared(connection, check);
        casts(connection, check);
        described(connection, check);
        batches(connection, check);
        mistakes(connection, check);
    }

    private static void inserted(Connection connection, Check check) {
        String insert = "INSERT INTO jdbc_bound VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        check.equal("a row of every type", 1, () -> {
            try (PreparedStatement statement = connection.prepareStatement(insert)) {
                statement.setBoolean(1, true);
                statement.setByte(2, (byte) -8);
                statement.setShort(3, (short) -16);
                statement.setInt(4, -32);
                statement.setLong(5, -64);
                statement.setFloat(6, 1.5f);
                statement.setDouble(7, 2.5);
                statement.setBigDecimal(8, new BigDecimal("12.50"));
                statement.setString(9, "Zoë");
                statement.setBytes(10, new byte[] {0, -1});
                statement.setDate(11, Date.valueOf("2024-02-29"));
                statement.setTimestamp(12, Timestamp.valueOf("2024-02-29 12:34:56.789"));
                return statement.executeUpdate();
            }
        });
        check.equal("what arrived",
            "[[true, -8, -16, -32, -64, 1.5, 2.5, 12.50, Zoë, 00ff, 2024-02-29, 2024-02-29T12:34:56.789]]",
            () -> text(connection, "SELECT b, i8, i16, i32, i64, f32, f64, d, s, encode(y, 'hex'), "
                + "CAST(t AS VARCHAR), CAST(u AS VARCHAR) FROM jdbc_bound"));
        check.equal("a row of NULLs", 1, () -> {
            try (PreparedStatement statement = connection.prepareStatement(insert)) {
                for (int i = 1; i <= 12; i++) {
                    statement.setNull(i, java.sql.Types.NULL);
                }
                return statement.executeUpdate();
            }
        });
        check.equal("NULLs arrived", "[[1]]", () -> text(connection,
            "SELECT count(*) FROM jdbc_bound WHERE b IS NULL AND i64 IS NULL AND d IS NULL AND s IS NULL AND u IS NULL"));
        check.equal("objects", 1, () -> {
            try (PreparedStatement statement = connection.prepareStatement("INSERT INTO jdbc_bound (i32, i64, d, s, f64) "
                + "VALUES (?, ?, ?, ?, ?)")) {
                statement.setObject(1, 1);
                statement.setObject(2, 2L);
                statement.setObject(3, new BigDecimal("3.00"));
                statement.setObject(4, "four");
                statement.setObject(5, 5.0);
                return statement.executeUpdate();
            }
        });
    }

    private static void compared(Connection connection, Check check) {
        found(connection, check, "b = ?", statement -> statement.setBoolean(1, true));
        found(connection, check, "i8 = ?", statement -> statement.setByte(1, (byte) -8));
        found(connection, check, "i16 = ?", statement -> statement.setShort(1, (short) -16));
        found(connection, check, "i32 = ?", statement -> statement.setInt(1, -32));
        found(connection, check, "i64 = ?", statement -> statement.setLong(1, -64));
        found(connection, check, "i64 = ? - 1", statement -> statement.setLong(1, -63));
        found(connection, check, "f64 = ?", statement -> statement.setDouble(1, 2.5));
        found(connection, check, "d = ?", statement -> statement.setBigDecimal(1, new BigDecimal("12.50")));
        found(connection, check, "s = ?", statement -> statement.setString(1, "Zoë"));
        found(connection, check, "s LIKE ?", statement -> statement.setString(1, "Z%"));
        found(connection, check, "upper(s) = ?", statement -> statement.setString(1, "ZOË"));
        found(connection, check, "t = ?", statement -> statement.setDate(1, Date.valueOf("2024-02-29")));
        found(connection, check, "u = ?",
            statement -> statement.setTimestamp(1, Timestamp.valueOf("2024-02-29 12:34:56.789")));
        found(connection, check, "i32 BETWEEN ? AND ?", statement -> {
            statement.setInt(1, -40);
            statement.setInt(2, -30);
        });
        found(connection, check, "s IN (?, ?)", statement -> {
            statement.setString(1, "Zoë");
            statement.setString(2, "Ana");
        });
        check.equal("a row more than once", "-64 -64", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT i64 FROM jdbc_bound WHERE i8 = ?")) {
                StringBuilder answers = new StringBuilder();
                for (int turn = 0; turn < 2; turn++) {
                    statement.setByte(1, (byte) -8);
                    try (ResultSet rows = statement.executeQuery()) {
                        rows.next();
                        answers.append(rows.getLong(1)).append(' ');
                    }
                }
                return answers.toString().trim();
            }
        });
        check.equal("a limit", "[[1], [2]]", () -> {
            try (PreparedStatement statement =
                connection.prepareStatement("SELECT value FROM generate_series(1, 9) LIMIT ?")) {
                statement.setLong(1, 2);
                return Metadata.rows(statement.executeQuery(), 1);
            }
        });
    }

    private static void found(Connection connection, Check check, String filter, Setter setter) {
        check.equal(filter, "[[-64]]", () -> {
            try (PreparedStatement statement =
                connection.prepareStatement("SELECT i64 FROM jdbc_bound WHERE " + filter + " AND i8 IS NOT NULL")) {
                setter.set(statement);
                return Metadata.rows(statement.executeQuery(), 1);
            }
        });
    }

    private static void casts(Connection connection, Check check) {
        check.equal("casts", "[[7, 2.50, x, 2024-01-31, 12:34:56]]", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT CAST(? AS INT), "
                + "CAST(? AS DECIMAL(8, 2)), CAST(? AS VARCHAR), CAST(? AS DATE), CAST(? AS TIME)")) {
                statement.setInt(1, 7);
                statement.setBigDecimal(2, new BigDecimal("2.50"));
                statement.setString(3, "x");
                statement.setDate(4, Date.valueOf("2024-01-31"));
                statement.setTime(5, Time.valueOf("12:34:56"));
                return Metadata.rows(statement.executeQuery(), 5);
            }
        });
        check.equal("a function's argument", "[[ABC, 3]]", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT upper(?), abs(? + 0)")) {
                statement.setString(1, "abc");
                statement.setLong(2, -3);
                return Metadata.rows(statement.executeQuery(), 2);
            }
        });
    }

    private static void described(Connection connection, Check check) {
        check.equal("parameters are described", "3 -5 3 12", () -> {
            try (PreparedStatement statement =
                connection.prepareStatement("SELECT 1 FROM jdbc_bound WHERE i64 = ? AND d = ? AND s = ?")) {
                ParameterMetaData parameters = statement.getParameterMetaData();
                return parameters.getParameterCount() + " " + parameters.getParameterType(1) + " "
                    + parameters.getParameterType(2) + " " + parameters.getParameterType(3);
            }
        });
        check.equal("a prepared statement's columns", "i64", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT i64 FROM jdbc_bound WHERE i8 = ?")) {
                return statement.getMetaData().getColumnName(1);
            }
        });
    }

    private static void batches(Connection connection, Check check) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE jdbc_batch (id BIGINT, name VARCHAR)");
        }
        check.works("a batch of rows", () -> {
            try (PreparedStatement statement = connection.prepareStatement("INSERT INTO jdbc_batch VALUES (?, ?)")) {
                for (int i = 0; i < 1000; i++) {
                    statement.setLong(1, i);
                    statement.setString(2, "name " + i);
                    statement.addBatch();
                }
                statement.executeBatch();
            }
        });
        check.equal("the batch arrived", "[[1000, 499500, name 999]]",
            () -> text(connection, "SELECT count(*), sum(id), max(name) FROM jdbc_batch"));
        check.equal("the batch is one commit", 2,
            () -> text(connection, "DESCRIBE HISTORY jdbc_batch").split("\\], \\[").length);
    }

    private static void mistakes(Connection connection, Check check) {
        check.refused("a parameter is missing", "typedValue", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT 1 FROM jdbc_bound WHERE i64 = ?")) {
                statement.executeQuery().next();
            }
        });
        check.refused("a text for a number", "", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT 1 FROM jdbc_bound WHERE i64 = ?")) {
                statement.setString(1, "seven");
                statement.executeQuery().next();
            }
        });
        check.refused("one parameter too many", "", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT 1 FROM jdbc_bound WHERE i64 = ?")) {
                statement.setLong(2, 7);
            }
        });
    }

    private static String text(Connection connection, String sql) throws Exception {
        try (Statement statement = connection.createStatement()) {
            return Metadata.rows(statement.executeQuery(sql), 99);
        }
    }
}
