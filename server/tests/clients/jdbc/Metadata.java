import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** Every method of DatabaseMetaData is called; those with an answer of ours are compared. */
final class Metadata {
    /** What the driver itself has not, whatever the server is. */
    private static final Set<String> UNFINISHED = Set.of("deletesAreDetected", "insertsAreDetected",
        "updatesAreDetected", "othersDeletesAreVisible", "othersInsertsAreVisible", "othersUpdatesAreVisible",
        "ownDeletesAreVisible", "ownInsertsAreVisible", "ownUpdatesAreVisible", "supportsResultSetHoldability");

    private Metadata() {}

    static void run(Connection connection, Check check) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE SCHEMA jdbc_star");
            statement.executeUpdate("CREATE TABLE jdbc_star.customer (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR)");
            statement.executeUpdate("CREATE TABLE jdbc_star.sale (sale_id INT NOT NULL, line SMALLINT NOT NULL, "
                + "customer_id BIGINT, amount DECIMAL(12, 2), sold_at TIMESTAMP, PRIMARY KEY (sale_id, line), "
                + "FOREIGN KEY (customer_id) REFERENCES jdbc_star.customer (id))");
            statement.executeUpdate("CREATE TABLE jdbc_star.salexline (a INT)");
            statement.executeUpdate("CREATE TABLE jdbc_star.sale_line (a INT)");
            statement.executeUpdate("CREATE VIEW jdbc_star.spent AS SELECT sum(amount) AS total FROM jdbc_star.sale");
        }
        DatabaseMetaData metadata = connection.getMetaData();
        everyMethod(metadata, check);
        server(metadata, check);
        supports(metadata, check);
        tree(metadata, check);
        columns(metadata, check);
        keys(metadata, check);
    }

    private static void everyMethod(DatabaseMetaData metadata, Check check) {
        for (Method method : DatabaseMetaData.class.getDeclaredMethods()) {
            if (java.lang.reflect.Modifier.isStatic(method.getModifiers())) {
                continue;
            }
            Class<?>[] types = method.getParameterTypes();
            Object[] arguments = new Object[types.length];
            for (int i = 0; i < types.length; i++) {
                arguments[i] = types[i] == int.class ? (Object) 1 : types[i] == boolean.class ? (Object) false : null;
            }
            String name = method.getName();
            if (name.startsWith("get") && name.endsWith("Keys") || name.equals("getCrossReference")) {
                arguments[2] = "sale";
                arguments[arguments.length - 1] = "sale";
            }
            if (name.equals("supportsResultSetType") || name.equals("supportsResultSetConcurrency")) {
                arguments[0] = ResultSet.TYPE_FORWARD_ONLY;
            }
            Check.Work call = () -> {
                try {
                    if (method.invoke(metadata, arguments) instanceof ResultSet rows) {
                        rows(rows, 1);
                    }
                } catch (InvocationTargetException error) {
                    throw (Exception) error.getCause();
                }
            };
            if (UNFINISHED.contains(name)) {
                check.refused(name, "todo: implement this method", call);
            } else {
                check.works(name + Arrays.toString(types), call);
            }
        }
    }

    private static void server(DatabaseMetaData metadata, Check check) {
        check.equal("product", "Pareto", metadata::getDatabaseProductName);
        check.equal("read only", false, metadata::isReadOnly);
        check.equal("quote", "\"", metadata::getIdentifierQuoteString);
        check.equal("escape", "\\", metadata::getSearchStringEscape);
        check.equal("catalog term", "catalog", metadata::getCatalogTerm);
        check.equal("schema term", "schema", metadata::getSchemaTerm);
        check.equal("separator", ".", metadata::getCatalogSeparator);
        check.equal("isolation", Connection.TRANSACTION_READ_COMMITTED, metadata::getDefaultTransactionIsolation);
        check.equal("keywords", true, () -> metadata.getSQLKeywords().contains("ROLLUP"));
        check.equal("numeric functions", true, () -> metadata.getNumericFunctions().contains("rfm_score"));
        check.equal("text functions", true, () -> metadata.getStringFunctions().contains("upper"));
        check.equal("time functions", true, () -> metadata.getTimeDateFunctions().contains("date_trunc"));
        check.equal("system functions", true, () -> metadata.getSystemFunctions().contains("version"));
        check.equal("longest name", 0, metadata::getMaxColumnNameLength);
        check.equal("longest row", 0, metadata::getMaxRowSize);
        check.equal("user", true, () -> metadata.getUserName() == null || !metadata.getUserName().isEmpty());
    }

    private static void supports(DatabaseMetaData metadata, Check check) {
        check.equal("ANSI 92 entry", true, metadata::supportsANSI92EntryLevelSQL);
        check.equal("ANSI 92 full", false, metadata::supportsANSI92FullSQL);
        check.equal("outer joins", true, metadata::supportsOuterJoins);
        check.equal("full outer joins", true, metadata::supportsFullOuterJoins);
        check.equal("group by", true, metadata::supportsGroupBy);
        check.equal("group by beyond select", true, metadata::supportsGroupByBeyondSelect);
        check.equal("correlated subqueries", true, metadata::supportsCorrelatedSubqueries);
        check.equal("subqueries in IN", true, metadata::supportsSubqueriesInIns);
        check.equal("union all", true, metadata::supportsUnionAll);
        check.equal("batches", true, metadata::supportsBatchUpdates);
        check.equal("transactions", true, metadata::supportsTransactions);
        check.equal("definitions commit", true, metadata::dataDefinitionCausesTransactionCommit);
        check.equal("savepoints", true, metadata::supportsSavepoints);
        check.equal("procedures", false, metadata::supportsStoredProcedures);
        check.equal("select for update", false, metadata::supportsSelectForUpdate);
        check.equal("schemas in queries", true, metadata::supportsSchemasInDataManipulation);
        check.equal("catalogs in queries", true, metadata::supportsCatalogsInDataManipulation);
        check.equal("forward only", true, () -> metadata.supportsResultSetType(ResultSet.TYPE_FORWARD_ONLY));
        check.equal("scrolling", false, () -> metadata.supportsResultSetType(ResultSet.TYPE_SCROLL_SENSITIVE));
        check.equal("read-only results", true,
            () -> metadata.supportsResultSetConcurrency(ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY));
    }

    private static void tree(DatabaseMetaData metadata, Check check) {
        check.equal("catalogs", "[[pareto]]", () -> rows(metadata.getCatalogs(), 1));
        check.equal("schemas", "[[jdbc_star, pareto]]", () -> rows(metadata.getSchemas(null, "jdbc%"), 2));
        check.equal("schemas of no catalog", "[]", () -> rows(metadata.getSchemas("nowhere", null), 2));
        check.equal("table types", "[[SYSTEM TABLE], [TABLE], [VIEW]]", () -> rows(metadata.getTableTypes(), 1));
        check.equal("tables",
            "[[pareto, jdbc_star, customer, TABLE], [pareto, jdbc_star, sale, TABLE], "
                + "[pareto, jdbc_star, sale_line, TABLE], [pareto, jdbc_star, salexline, TABLE], "
                + "[pareto, jdbc_star, spent, VIEW]]",
            () -> rows(metadata.getTables(null, "jdbc\\_star", "%", null), 4));
        check.equal("views", "[[pareto, jdbc_star, spent, VIEW]]",
            () -> rows(metadata.getTables("pareto", "jdbc_star", null, new String[] {"VIEW"}), 4));
        check.equal("a pattern", "[[sale_line], [salexline]]",
            () -> column(metadata.getTables(null, "jdbc_star", "sale_line", null), "TABLE_NAME"));
        check.equal("an escaped pattern", "[[sale_line]]",
            () -> column(metadata.getTables(null, "jdbc_star", "sale\\_line", null), "TABLE_NAME"));
    }

    private static void columns(DatabaseMetaData metadata, Check check) {
        String table = "sale";
        check.equal("column names", "[[sale_id], [line], [customer_id], [amount], [sold_at]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "COLUMN_NAME"));
        check.equal("column types", "[[INTEGER], [SMALLINT], [BIGINT], [DECIMAL], [TIMESTAMP]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "TYPE_NAME"));
        check.equal("column type numbers", "[[4], [5], [-5], [3], [93]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "DATA_TYPE"));
        check.equal("column sizes", "[[10], [5], [19], [12], [26]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "COLUMN_SIZE"));
        check.equal("digits", "[[0], [0], [0], [2], [6]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "DECIMAL_DIGITS"));
        check.equal("nullable", "[[NO], [NO], [YES], [YES], [YES]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "IS_NULLABLE"));
        check.equal("positions", "[[1], [2], [3], [4], [5]]",
            () -> column(metadata.getColumns(null, "jdbc_star", table, null), "ORDINAL_POSITION"));
        check.equal("a column by pattern", "[[amount]]",
            () -> column(metadata.getColumns("pareto", "jdbc_star", table, "am%"), "COLUMN_NAME"));
        check.equal("a view's columns", "[[total]]",
            () -> column(metadata.getColumns(null, "jdbc_star", "spent", null), "COLUMN_NAME"));
    }

    private static void keys(DatabaseMetaData metadata, Check check) {
        check.equal("primary key", "[[pareto, jdbc_star, sale, sale_id, 1, sale_pkey], "
            + "[pareto, jdbc_star, sale, line, 2, sale_pkey]]",
            () -> rows(metadata.getPrimaryKeys(null, "jdbc_star", "sale"), 6));
        String key = "[[pareto, jdbc_star, customer, id, pareto, jdbc_star, sale, customer_id, 1, "
            + "sale_customer_id_fkey, customer_pkey, 3, 3]]";
        check.equal("imported keys", key, () -> foreign(metadata.getImportedKeys(null, "jdbc_star", "sale")));
        check.equal("exported keys", key, () -> foreign(metadata.getExportedKeys("pareto", "jdbc_star", "customer")));
        check.equal("cross reference", key,
            () -> foreign(metadata.getCrossReference(null, "jdbc_star", "customer", null, "jdbc_star", "sale")));
        check.equal("no cross reference", "[]",
            () -> foreign(metadata.getCrossReference(null, "jdbc_star", "sale", null, "jdbc_star", "customer")));
        check.equal("no key", "[]", () -> rows(metadata.getPrimaryKeys(null, "jdbc_star", "spent"), 6));
    }

    private static String foreign(ResultSet rows) throws Exception {
        return rows(rows, 13);
    }

    /** The first columns of all rows. */
    static String rows(ResultSet rows, int columns) throws Exception {
        List<List<String>> all = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                List<String> row = new ArrayList<>();
                for (int i = 1; i <= Math.min(columns, rows.getMetaData().getColumnCount()); i++) {
                    row.add(rows.getString(i));
                }
                all.add(row);
            }
        }
        return all.toString();
    }

    /** One column of all rows. */
    private static String column(ResultSet rows, String name) throws Exception {
        List<List<String>> all = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                all.add(List.of(String.valueOf(rows.getString(name))));
            }
        }
        return all.toString();
    }
}
