import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightInfo;

/** {@code app_metadata_flight_info_endpoint}: the command comes back as metadata, of the result and of its one part. */
final class AppMetadata {
    private AppMetadata() {}

    static void run(FlightClient client) {
        byte[] command = "foobar".getBytes();
        FlightInfo info = client.getInfo(FlightDescriptor.command(command));
        Check.equal("metadata of the result", command, info.getAppMetadata());
        Check.equal("parts", 1, info.getEndpoints().size());
        Check.equal("metadata of the part", command, info.getEndpoints().get(0).getAppMetadata());
    }
}
