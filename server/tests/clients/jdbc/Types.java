import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.Statement;
import java.sql.Time;
import java.sql.Timestamp;
import java.util.Arrays;

/** Every SQL type out: its Java class and value, its text, its JDBC type, and NULL. */
final class Types {
    private Types() {}

    /** An expression, what it is as a Java object, as a text, and its number in java.sql.Types. */
    private record Case(String sql, Object object, String text, int type) {}

    private static final Case[] CASES = {
        new Case("true", true, "true", java.sql.Types.BOOLEAN),
        new Case("CAST(-8 AS TINYINT)", (byte) -8, "-8", java.sql.Types.TINYINT),
        new Case("CAST(-16 AS SMALLINT)", (short) -16, "-16", java.sql.Types.SMALLINT),
        new Case("CAST(-32 AS INT)", -32, "-32", java.sql.Types.INTEGER),
        new Case("CAST(-64 AS BIGINT)", -64L, "-64", java.sql.Types.BIGINT),
        new Case("CAST(200 AS TINYINT UNSIGNED)", (short) 200, "200", java.sql.Types.SMALLINT),
        new Case("CAST(60000 AS SMALLINT UNSIGNED)", 60_000, "60000", java.sql.Types.INTEGER),
        new Case("CAST(4000000000 AS INT UNSIGNED)", 4_000_000_000L, "4000000000", java.sql.Types.BIGINT),
        new Case("CAST(64 AS BIGINT UNSIGNED)", 64L, "64", java.sql.Types.BIGINT),
        new Case("CAST(1.5 AS REAL)", 1.5, "1.5", java.sql.Types.FLOAT),
        new Case("CAST(2.5 AS DOUBLE)", 2.5, "2.5", java.sql.Types.DOUBLE),
        new Case("CAST(12.50 AS DECIMAL(10, 2))", new BigDecimal("12.50"), "12.50", java.sql.Types.DECIMAL),
        new Case("CAST('1234567890123456789012345678.0123456789' AS DECIMAL(38, 10))",
            new BigDecimal("1234567890123456789012345678.0123456789"), "1234567890123456789012345678.0123456789",
            java.sql.Types.DECIMAL),
        new Case("CAST('0.5' AS DECIMAL(60, 2))", new BigDecimal("0.50"), "0.50", java.sql.Types.DECIMAL),
        new Case("'Zoë ✓'", "Zoë ✓", "Zoë ✓", java.sql.Types.VARCHAR),
        new Case("arrow_cast('view', 'Utf8View')", "view", "view", java.sql.Types.VARCHAR),
        new Case("arrow_cast('large', 'LargeUtf8')", "large", "large", java.sql.Types.VARCHAR),
        new Case("arrow_cast('word', 'Dictionary(Int32, Utf8)')", "word", "word", java.sql.Types.VARCHAR),
        new Case("DATE '2024-02-29'", Date.valueOf("2024-02-29"), "2024-02-29", java.sql.Types.DATE),
        new Case("CAST('12:34:56' AS TIME)", Time.valueOf("12:34:56"), "12:34:56", java.sql.Types.TIME),
        new Case("TIMESTAMP '2024-02-29 12:34:56.789'", Timestamp.valueOf("2024-02-29 12:34:56.789"),
            "2024-02-29 12:34:56.789", java.sql.Types.TIMESTAMP),
        new Case("arrow_cast('2024-02-29T12:34:56', 'Timestamp(s)')",
            Timestamp.valueOf("2024-02-29 12:34:56"), "2024-02-29 12:34:56.0", java.sql.Types.TIMESTAMP),
        new Case("arrow_cast('2024-02-29T12:34:56.123456', 'Timestamp(µs)')",
            Timestamp.valueOf("2024-02-29 12:34:56.123456"), "2024-02-29 12:34:56.123456", java.sql.Types.TIMESTAMP),
    };

    static void run(Connection connection, Check check) throws Exception {
        for (Case one : CASES) {
            read(connection, check, one);
        }
        binary(connection, check);
        nested(connection, check);
        nulls(connection, check);
        described(connection, check);
        getters(connection, check);
        manyRows(connection, check);
    }

    private static ResultSet ask(Statement statement, String sql) throws Exception {
        ResultSet rows = statement.executeQuery(sql);
        if (!rows.next()) {
            throw new IllegalStateException("no row");
        }
        return rows;
    }

    private static void read(Connection connection, Check check, Case one) {
        Check.Value object = () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = ask(statement, "SELECT " + one.sql)) {
                return rows.getObject(1);
            }
        };
        check.equal(one.sql, one.object, object);
        check.equal(one.sql + " as text", one.text, () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = ask(statement, "SELECT " + one.sql)) {
                return rows.getString(1);
            }
        });
        check.equal(one.sql + " as type", one.type, () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = ask(statement, "SELECT " + one.sql)) {
                return rows.getMetaData().getColumnType(1);
            }
        });
        check.equal(one.sql + " in a prepared statement", one.object, () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT " + one.sql);
                ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getObject(1);
            }
        });
    }

    private static void binary(Connection connection, Check check) {
        for (String sql : new String[] {"X'00ff10'", "arrow_cast(X'00ff10', 'BinaryView')",
            "arrow_cast(X'00ff10', 'LargeBinary')", "arrow_cast(X'00ff10', 'FixedSizeBinary(3)')"}) {
            check.equal(sql, new byte[] {0, -1, 16}, () -> {
                try (Statement statement = connection.createStatement(); ResultSet rows = ask(statement, "SELECT " + sql)) {
                    return rows.getBytes(1);
                }
            });
        }
    }

    private static void nested(Connection connection, Check check) {
        check.equal("an array", "[1, 2, null]", () -> {
            try (Statement statement = connection.createStatement();
                ResultSet rows = ask(statement, "SELECT make_array(1, 2, NULL)")) {
                return Arrays.toString((Object[]) rows.getArray(1).getArray());
            }
        });
        check.equal("a struct", "{\"a\":1,\"b\":\"x\"}", () -> {
            try (Statement statement = connection.createStatement();
                ResultSet rows = ask(statement, "SELECT named_struct('a', 1, 'b', 'x')")) {
                return rows.getString(1);
            }
        });
        check.equal("a map", true, () -> {
            try (Statement statement = connection.createStatement();
                ResultSet rows = ask(statement, "SELECT map(['k'], [7])")) {
                String text = rows.getString(1);
                return text.contains("k") && text.contains("7");
            }
        });
        check.equal("an interval", true, () -> {
            try (Statement statement = connection.createStatement();
                ResultSet rows = ask(statement, "SELECT INTERVAL '1' MONTH")) {
                return rows.getObject(1) != null && rows.getString(1) != null;
            }
        });
        check.equal("a moment with a zone", "2024-02-29 12:34:56.0", () -> {
            try (Statement statement = connection.createStatement();
                ResultSet rows = ask(statement, "SELECT TIMESTAMP '2024-02-29 12:34:56' AT TIME ZONE 'UTC'")) {
                return rows.getTimestamp(1).toString();
            }
        });
    }

    private static void nulls(Connection connection, Check check) {
        for (String type : new String[] {"BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "BIGINT UNSIGNED", "REAL",
            "DOUBLE", "DECIMAL(10, 2)", "VARCHAR", "BYTEA", "DATE", "TIME", "TIMESTAMP"}) {
            check.equal("NULL as " + type, "null true", () -> {
                try (Statement statement = connection.createStatement();
                    ResultSet rows = ask(statement, "SELECT CAST(NULL AS " + type + ")")) {
                    return rows.getObject(1) + " " + rows.wasNull();
                }
            });
        }
        check.equal("NULL as itself", "null true", () -> {
            try (Statement statement = connection.createStatement(); ResultSet rows = ask(statement, "SELECT NULL")) {
                return rows.getObject(1) + " " + rows.wasNull();
            }
        });
    }

    private static void described(Connection connection, Check check) throws Exception {
        String sql = "SELECT CAST(1 AS BIGINT) AS id, CAST(1 AS DECIMAL(12, 2)) AS amount, 'x' AS name";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            ResultSetMetaData columns = rows.getMetaData();
            check.equal("columns", 3, columns::getColumnCount);
            check.equal("label", "amount", () -> columns.getColumnLabel(2));
            check.equal("name", "amount", () -> columns.getColumnName(2));
            check.equal("precision", 12, () -> columns.getPrecision(2));
            check.equal("scale", 2, () -> columns.getScale(2));
            check.equal("precision of a whole number", 19, () -> columns.getPrecision(1));
            check.equal("type name", "DECIMAL", () -> columns.getColumnTypeName(2));
            check.equal("case", true, () -> columns.isCaseSensitive(3));
            check.equal("a counter", false, () -> columns.isAutoIncrement(1));
            check.equal("never NULL", ResultSetMetaData.columnNoNulls, () -> columns.isNullable(1));
            check.equal("searchable", true, () -> columns.isSearchable(1));
        }
    }

    private static void getters(Connection connection, Check check) throws Exception {
        try (Statement statement = connection.createStatement();
            ResultSet rows = ask(statement, "SELECT CAST(7 AS BIGINT) AS n, CAST(2.50 AS DECIMAL(8, 2)) AS d")) {
            check.equal("getInt", 7, () -> rows.getInt("n"));
            check.equal("getShort", (short) 7, () -> rows.getShort("n"));
            check.equal("getByte", (byte) 7, () -> rows.getByte("n"));
            check.equal("getLong", 7L, () -> rows.getLong("n"));
            check.equal("getFloat", 7f, () -> rows.getFloat("n"));
            check.equal("getDouble of a decimal", 2.5, () -> rows.getDouble("d"));
            check.equal("getBigDecimal", new BigDecimal("7"), () -> rows.getBigDecimal("n"));
            check.equal("getInt of a decimal", 2, () -> rows.getInt("d"));
            check.equal("findColumn", 2, () -> rows.findColumn("d"));
            check.refused("no such column", "nowhere", () -> rows.getInt("nowhere"));
        }
    }

    private static void manyRows(Connection connection, Check check) {
        check.equal("a million rows", "1000000 500000500000", () -> {
            try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT value FROM generate_series(1, 1000000)")) {
                long count = 0;
                long sum = 0;
                while (rows.next()) {
                    count++;
                    sum += rows.getLong(1);
                }
                return count + " " + sum;
            }
        });
        check.equal("a limit of rows", 10, () -> {
            try (Statement statement = connection.createStatement()) {
                statement.setMaxRows(10);
                int count = 0;
                try (ResultSet rows = statement.executeQuery("SELECT value FROM generate_series(1, 1000)")) {
                    while (rows.next()) {
                        count++;
                    }
                }
                return count;
            }
        });
    }
}
