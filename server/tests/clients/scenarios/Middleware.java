import org.apache.arrow.flight.CallHeaders;
import org.apache.arrow.flight.CallStatus;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightClientMiddleware;
import org.apache.arrow.flight.FlightDescriptor;

/**
 * {@code middleware}: a header that goes out with a call comes back with its answer, be it an error.
 *
 * An error that is all there is to say travels as one block of headers, not as two. A client that looks for this one in
 * the first of two would not find it.
 */
final class Middleware {
    private static final String HEADER = "x-middleware";
    private static final String SENT = "expected value";

    private Middleware() {}

    static void run(FlightClient.Builder builder) throws Exception {
        Echo echo = new Echo();
        try (FlightClient client = builder.intercept(call -> echo).build()) {
            Check.refused("a call without a command", () -> client.getInfo(FlightDescriptor.command(new byte[0])));
            Check.equal("the header of an error", SENT, echo.received);

            echo.received = null;
            client.getInfo(FlightDescriptor.command("success".getBytes()));
            Check.equal("the header of an answer", SENT, echo.received);
        }
    }

    /** Sends the header and keeps what came back last. */
    private static final class Echo implements FlightClientMiddleware {
        private volatile String received;

        @Override
        public void onBeforeSendingHeaders(CallHeaders headers) {
            headers.insert(HEADER, SENT);
        }

        @Override
        public void onHeadersReceived(CallHeaders headers) {
            received = headers.get(HEADER);
        }

        @Override
        public void onCallCompleted(CallStatus status) {}
    }
}
