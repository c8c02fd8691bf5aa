import java.util.List;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.Location;

/** {@code location:reuse_connection}: the result is to be fetched where it was asked for, and a URI spells that out. */
final class ReuseConnection {
    private ReuseConnection() {}

    static void run(FlightClient client) {
        FlightInfo info = client.getInfo(FlightDescriptor.command("reuse".getBytes()));
        Check.equal("parts", 1, info.getEndpoints().size());
        Check.equal("locations", List.of(Location.reuseConnection()), info.getEndpoints().get(0).getLocations());
    }
}
