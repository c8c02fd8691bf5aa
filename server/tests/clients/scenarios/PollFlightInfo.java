import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.PollInfo;

/**
 * {@code poll_flight_info}: a query that takes its time is asked for twice, and is done by then.
 *
 * While it runs, the answer says how far it is, how to ask again and until when. Once it is done, only how far.
 */
final class PollFlightInfo {
    private PollFlightInfo() {}

    static void run(FlightClient client) {
        PollInfo running = client.pollInfo(FlightDescriptor.command("heavy query".getBytes()));
        Check.holds("a result so far", running.getFlightInfo() != null);
        double progress = running.getProgress().orElseThrow();
        Check.holds("progress of " + progress, progress >= 0.0 && progress <= 1.0);
        Check.holds("a moment to ask by", running.getExpirationTime().isPresent());

        PollInfo done = client.pollInfo(running.getFlightDescriptor().orElseThrow());
        Check.holds("a result", done.getFlightInfo() != null);
        Check.equal("progress in the end", 1.0, done.getProgress().orElseThrow());
        Check.holds("no moment to ask by", done.getExpirationTime().isEmpty());
        Check.holds("nothing to ask again by", done.getFlightDescriptor().isEmpty());
    }
}
