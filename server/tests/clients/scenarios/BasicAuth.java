import java.nio.charset.StandardCharsets;
import org.apache.arrow.flight.Action;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightStatusCode;
import org.apache.arrow.flight.auth.BasicClientAuthHandler;

/**
 * {@code auth:basic_proto}: a handshake with user and password, in the message that Flight has for them.
 *
 * Nobody without a name may list actions. After the handshake the client sends the token that it was given, and an
 * action without a name answers with the user's.
 */
final class BasicAuth {
    private BasicAuth() {}

    static void run(FlightClient client) throws Exception {
        FlightStatusCode code = Check.refused("listing actions as nobody",
            () -> client.listActions().forEach(action -> {}));
        Check.equal("the reason", FlightStatusCode.UNAUTHENTICATED, code);

        client.authenticate(new BasicClientAuthHandler("arrow", "flight"));
        byte[] user = client.doAction(new Action("")).next().getBody();
        Check.equal("who is calling", "arrow", new String(user, StandardCharsets.UTF_8));
    }
}
