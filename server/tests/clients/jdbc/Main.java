import java.sql.Connection;
import java.sql.DriverManager;
import java.util.Properties;

/**
 * Pareto through the JDBC driver of Apache Arrow.
 *
 * <pre>java --add-opens=java.base/java.nio=ALL-UNNAMED -cp classes:driver.jar Main HOST:PORT metadata</pre>
 *
 * The last argument is one of metadata, types, parameters, statements. Every answer that is wrong is a line on standard
 * output; the exit code says whether there was one.
 */
public final class Main {
    private Main() {}

    static Connection connect(String address, String... properties) throws Exception {
        Properties all = new Properties();
        all.put("useEncryption", "false");
        for (int i = 0; i < properties.length; i += 2) {
            all.put(properties[i], properties[i + 1]);
        }
        return DriverManager.getConnection("jdbc:arrow-flight-sql://" + address + "/", all);
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        Check check = new Check();
        try (Connection connection = connect(address)) {
            switch (arguments[1]) {
                case "metadata" -> Metadata.run(connection, check);
                case "types" -> Types.run(connection, check);
                case "parameters" -> Parameters.run(connection, check);
                case "statements" -> Statements.run(address, connection, check);
                default -> throw new IllegalArgumentException(arguments[1]);
            }
        }
        // The driver leaves threads behind that are no daemons.
        System.exit(check.finish());
    }
}
