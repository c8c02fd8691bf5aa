import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Definitions, updates, batches, transactions, mistakes, cancelling, time limits, connections. */
final class Statements {
    /** Longer than anybody waits, and it gives no row before it ends. */
    private static final String ENDLESS =
        "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 <> 8";

    private Statements() {}

    static void run(String address, Connection connection, Check check) throws Exception {
        updates(connection, check);
        transactions(connection, check);
        mistakes(connection, check);
        cancelling(connection, check);
        connections(address, connection, check);
    }

    private static void updates(Connection connection, Check check) throws Exception {
        try (Statement statement = connection.createStatement()) {
            check.equal("CREATE TABLE", 0, () -> statement.executeUpdate("CREATE TABLE jdbc_t (a BIGINT, b VARCHAR)"));
            check.equal("INSERT", 3,
                () -> statement.executeUpdate("INSERT INTO jdbc_t VALUES (1, 'x'), (2, 'y'), (3, 'z')"));
            check.equal("UPDATE", 2, () -> statement.executeUpdate("UPDATE jdbc_t SET b = 'q' WHERE a >= 2"));
            check.equal("large UPDATE", 3L, () -> statement.executeLargeUpdate("UPDATE jdbc_t SET a = a"));
            check.equal("DELETE", 1, () -> statement.executeUpdate("DELETE FROM jdbc_t WHERE a = 3"));
            check.equal("execute of a query", true, () -> statement.execute("SELECT count(*) FROM jdbc_t"));
            check.equal("its rows", 2L, () -> {
                ResultSet rows = statement.getResultSet();
                rows.next();
                return rows.getLong(1);
            });
            check.equal("execute of an update", false, () -> statement.execute("INSERT INTO jdbc_t VALUES (4, 'w')"));
            check.equal("its count", 1, statement::getUpdateCount);
            check.equal("it ran once", "[[3]]", () -> rows(connection, "SELECT count(*) FROM jdbc_t"));
            check.equal("SHOW", true, () -> rows(connection, "SHOW TABLES").contains("jdbc_t"));
            check.equal("EXPLAIN", true, () -> rows(connection, "EXPLAIN SELECT 1").length() > 10);
            check.equal("a result without rows", "[]", () -> rows(connection, "SELECT a FROM jdbc_t WHERE false"));
        }
        check.equal("a prepared update", "1 1", () -> {
            try (PreparedStatement statement = connection.prepareStatement("UPDATE jdbc_t SET b = ? WHERE a = ?")) {
                statement.setString(1, "first");
                statement.setLong(2, 1);
                int first = statement.executeUpdate();
                statement.setString(1, "second");
                statement.setLong(2, 2);
                return first + " " + statement.executeUpdate();
            }
        });
        check.equal("it changed both", "[[first], [second]]",
            () -> rows(connection, "SELECT b FROM jdbc_t WHERE a < 3 ORDER BY a"));
        check.refused("a batch of statements, which the driver has not", "updateCounts", () -> {
            try (Statement statement = connection.createStatement()) {
                statement.addBatch("INSERT INTO jdbc_t VALUES (5, 'e')");
                statement.executeBatch();
            }
        });
    }

    private static void transactions(Connection connection, Check check) throws Exception {
        check.equal("auto-commit", true, connection::getAutoCommit);
        check.equal("isolation", Connection.TRANSACTION_NONE, connection::getTransactionIsolation);
        // The driver's own commit and rollback do nothing; the statements do.
        try (Statement statement = connection.createStatement()) {
            check.refused("COMMIT without BEGIN", "no transaction is open", () -> statement.execute("COMMIT"));
            statement.execute("CREATE TABLE jdbc_tx (a BIGINT)");
            statement.execute("BEGIN");
            statement.execute("INSERT INTO jdbc_tx VALUES (1)");
            statement.execute("SAVEPOINT s");
            statement.execute("INSERT INTO jdbc_tx VALUES (2)");
            statement.execute("ROLLBACK TO s");
            check.equal("in the transaction", "[[1]]", () -> rows(connection, "SELECT a FROM jdbc_tx"));
            statement.execute("ROLLBACK");
            check.equal("after it", "[]", () -> rows(connection, "SELECT a FROM jdbc_tx"));
            statement.execute("BEGIN");
            statement.execute("INSERT INTO jdbc_tx VALUES (3)");
            statement.execute("COMMIT");
            check.equal("committed", "[[3]]", () -> rows(connection, "SELECT a FROM jdbc_tx"));
            statement.execute("DROP TABLE jdbc_tx");
        }
        check.refused("a savepoint", "", () -> connection.setSavepoint("here"));
    }

    private static void mistakes(Connection connection, Check check) throws Exception {
        String[][] cases = {
            {"SELEC 1", "SELEC"},
            {"SELECT nowhere FROM jdbc_t", "nowhere"},
            {"SELECT * FROM nowhere", "nowhere"},
            {"SELECT 1 / 0", "zero"},
            {"SET no.such = 1", "no.such"},
            {"INSERT INTO jdbc_t VALUES ('x', 'y')", "x"},
        };
        for (String[] one : cases) {
            check.refused(one[0], one[1], () -> rows(connection, one[0]));
            check.refused(one[0] + " says what is wrong", "error: ", () -> rows(connection, one[0]));
        }
        check.equal("and still works", "[[1]]", () -> rows(connection, "SELECT 1"));
    }

    private static void cancelling(Connection connection, Check check) throws Exception {
        check.equal("a query is cancelled", true, () -> {
            try (Statement statement = connection.createStatement()) {
                Thread canceller = new Thread(() -> {
                    try {
                        Thread.sleep(700);
                        statement.cancel();
                    } catch (InterruptedException | SQLException error) {
                        throw new IllegalStateException(error);
                    }
                });
                canceller.start();
                long started = System.nanoTime();
                try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                    rows.next();
                    return "it gave a row";
                } catch (SQLException expected) {
                    return System.nanoTime() - started < 10_000_000_000L;
                } finally {
                    canceller.join();
                }
            }
        });
        check.equal("a query runs out of time", true, () -> {
            try (Statement statement = connection.createStatement()) {
                statement.setQueryTimeout(1);
                long started = System.nanoTime();
                try (ResultSet rows = statement.executeQuery(ENDLESS)) {
                    rows.next();
                    return "it gave a row";
                } catch (SQLException expected) {
                    return System.nanoTime() - started < 10_000_000_000L;
                }
            }
        });
        check.equal("and the connection still works", "[[1]]", () -> rows(connection, "SELECT 1"));
        check.equal("nothing runs on for nobody", "[[0]]", () -> {
            String running = "SELECT count(*) FROM system.queries WHERE state = 'running' AND sql LIKE '%1000000000000%' "
                + "AND sql NOT LIKE '%system.queries%'";
            for (int turn = 0; turn < 50 && !rows(connection, running).equals("[[0]]"); turn++) {
                Thread.sleep(100);
            }
            return rows(connection, running);
        });
    }

    private static void connections(String address, Connection connection, Check check) throws Exception {
        check.equal("valid", true, () -> connection.isValid(5));
        check.equal("open", false, connection::isClosed);
        check.equal("settings belong to a connection", "off on", () -> {
            try (Connection first = Main.connect(address); Connection second = Main.connect(address)) {
                rows(first, "SET pareto.rewrite = off");
                String show = "SHOW pareto.rewrite";
                return (rows(first, show).contains("off") ? "off" : "on") + " "
                    + (rows(second, show).contains("on") ? "on" : "off");
            }
        });
        check.equal("a catalog in the address", "[[1]]", () -> {
            Connection other = Main.connect(address, "catalog", "pareto");
            String answer = rows(other, "SELECT 1");
            try {
                other.close();
            } catch (SQLException error) {
                // The driver closes its channel before it closes the session, and complains about itself.
                return error.getMessage().contains("Channel shutdown") ? answer : error;
            }
            return answer;
        });
        check.refused("an unknown catalog", "", () -> Main.connect(address, "catalog", "nowhere").close());
        check.equal("an unknown property becomes a header", "[[1]]", () -> {
            try (Connection other = Main.connect(address, "database", "anything", "team", "crm")) {
                return rows(other, "SELECT 1");
            }
        });
    }

    /** All rows of a query, or none when the statement has no rows. */
    private static String rows(Connection connection, String sql) throws Exception {
        try (Statement statement = connection.createStatement()) {
            return statement.execute(sql) ? Metadata.rows(statement.getResultSet(), 99) : "[]";
        }
    }
}
