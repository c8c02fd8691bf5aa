import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;
import org.apache.arrow.flight.ActionType;
import org.apache.arrow.flight.CancelFlightInfoRequest;
import org.apache.arrow.flight.CancelStatus;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightConstants;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.RenewFlightEndpointRequest;

/**
 * {@code expiration_time:..}: a result in three parts, and when the second and the third expire.
 *
 * Each part is one row: 0, 1, 2. What is kept can be kept for longer, or be given up before its time.
 */
final class ExpirationTime {
    private ExpirationTime() {}

    /** The parts are there, and those that expire say so. */
    static void get(FlightClient client) throws Exception {
        List<Object> rows = new ArrayList<>();
        List<Boolean> expire = new ArrayList<>();
        for (FlightEndpoint part : info(client, "expiration_time").getEndpoints()) {
            expire.add(part.getExpirationTime().isPresent());
            try (FlightStream stream = client.getStream(part.getTicket())) {
                rows.addAll(Rows.ofAllBatches(stream));
            }
        }
        Check.equal("parts that expire", List.of(false, true, true), expire);
        Check.equal("rows", List.of(0, 1, 2), rows);
    }

    /** There are two actions, and these are their names. */
    static void listActions(FlightClient client) {
        List<String> actions =
            StreamSupport.stream(client.listActions().spliterator(), false).map(ActionType::getType).toList();
        Check.equal("actions", List.of(FlightConstants.CANCEL_FLIGHT_INFO.getType(),
            FlightConstants.RENEW_FLIGHT_ENDPOINT.getType()), actions);
    }

    /** After it is given up no part of the result can be had. */
    static void cancel(FlightClient client) throws Exception {
        FlightInfo info = info(client, "expiration");
        Check.equal("cancelling", CancelStatus.CANCELLED,
            client.cancelFlightInfo(new CancelFlightInfoRequest(info)).getStatus());
        for (FlightEndpoint part : info.getEndpoints()) {
            Check.refused("a part of what was cancelled", () -> {
                try (FlightStream stream = client.getStream(part.getTicket())) {
                    Rows.ofAllBatches(stream);
                }
            });
        }
    }

    /** What expires does so later when it is renewed. */
    static void renew(FlightClient client) {
        List<FlightEndpoint> parts = info(client, "expiration").getEndpoints().stream()
            .filter(part -> part.getExpirationTime().isPresent()).toList();
        Check.equal("parts that expire", 2, parts.size());
        for (FlightEndpoint part : parts) {
            Instant before = part.getExpirationTime().orElseThrow();
            FlightEndpoint renewed = client.renewFlightEndpoint(new RenewFlightEndpointRequest(part));
            Instant after = renewed.getExpirationTime().orElseThrow();
            Check.holds(after + " is later than " + before, after.isAfter(before));
        }
    }

    /** Of one result; the scenarios of Java have one word for it where it is read and another where it is not. */
    private static FlightInfo info(FlightClient client, String word) {
        return client.getInfo(FlightDescriptor.command(word.getBytes()));
    }
}
