import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.Location;
import org.apache.arrow.flight.sql.FlightSqlClient;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;

/**
 * The integration scenarios of Apache Arrow Flight with the Flight and Flight SQL clients of Java.
 *
 * <pre>java --add-opens=java.base/java.nio=ALL-UNNAMED -cp "classes:jars/*" Main HOST PORT SCENARIO</pre>
 *
 * Maven Central has Arrow's clients, not its program that runs the scenarios. This is one, with their names, calls and
 * values. Beyond what they ask for, every stream is read to its end, and memory that is not given back fails the
 * scenario. An answer that is wrong is an error with a trace, and the exit code is 1.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Location server = Location.forGrpcInsecure(arguments[0], Integer.parseInt(arguments[1]));
        try (BufferAllocator memory = new RootAllocator()) {
            FlightClient.Builder builder = FlightClient.builder(memory, server);
            // These two listen to headers, which a client is told when it is made.
            switch (arguments[2]) {
                case "middleware" -> Middleware.run(builder);
                case "session_options" -> SessionOptions.run(builder);
                default -> run(arguments[2], builder, memory);
            }
        }
    }

    private static void run(String scenario, FlightClient.Builder builder, BufferAllocator memory) throws Exception {
        try (FlightClient client = builder.build(); FlightSqlClient sql = new FlightSqlClient(client)) {
            switch (scenario) {
                case "auth:basic_proto" -> BasicAuth.run(client);
                case "ordered" -> Ordered.run(client);
                case "expiration_time:do_get" -> ExpirationTime.get(client);
                case "expiration_time:list_actions" -> ExpirationTime.listActions(client);
                case "expiration_time:cancel_flight_info" -> ExpirationTime.cancel(client);
                case "expiration_time:renew_flight_endpoint" -> ExpirationTime.renew(client);
                case "poll_flight_info" -> PollFlightInfo.run(client);
                case "app_metadata_flight_info_endpoint" -> AppMetadata.run(client);
                case "location:reuse_connection" -> ReuseConnection.run(client);
                case "do_exchange:echo" -> DoExchange.run(client, memory);
                case "flight_sql" -> Sql.run(sql, memory);
                case "flight_sql:extension" -> SqlExtension.run(sql, memory);
                case "flight_sql:ingestion" -> SqlIngestion.run(sql, memory);
                default -> throw new IllegalArgumentException(scenario);
            }
        }
    }
}
