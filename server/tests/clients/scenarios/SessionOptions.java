import static org.apache.arrow.flight.SessionOptionValueFactory.makeEmptySessionOptionValue;
import static org.apache.arrow.flight.SessionOptionValueFactory.makeSessionOptionValue;

import java.util.Map;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.GetSessionOptionsRequest;
import org.apache.arrow.flight.SessionOptionValue;
import org.apache.arrow.flight.SetSessionOptionsRequest;
import org.apache.arrow.flight.SetSessionOptionsResult.Error;
import org.apache.arrow.flight.SetSessionOptionsResult.ErrorValue;
import org.apache.arrow.flight.client.ClientCookieMiddleware;

/**
 * {@code session_options}: options of several types are set, refused, read back, changed and unset.
 *
 * The session is a cookie, which the client sends with every call once it has been given one.
 */
final class SessionOptions {
    private static final String[] LIST = {"a", "b", "sea", "dee", " ", "  ", "geee", "(づ｡◕‿‿◕｡)づ"};

    private SessionOptions() {}

    static void run(FlightClient.Builder builder) throws Exception {
        try (FlightClient client = builder.intercept(new ClientCookieMiddleware.Factory()).build()) {
            SessionOptionValue whole = makeSessionOptionValue(123L);
            SessionOptionValue real = makeSessionOptionValue(456.0);
            SessionOptionValue list = makeSessionOptionValue(LIST);
            Check.equal("options that are refused", Map.of(
                "lol_invalid", new Error(ErrorValue.INVALID_NAME),
                "key_with_invalid_value", new Error(ErrorValue.INVALID_VALUE)),
                set(client, Map.of("foolong", whole, "bardouble", real, "big_ol_string_list", list,
                    "lol_invalid", makeSessionOptionValue("this won't get set"),
                    "key_with_invalid_value", makeSessionOptionValue("lol_invalid"))));
            Check.equal("options that are set",
                Map.of("foolong", whole, "bardouble", real, "big_ol_string_list", list), get(client));

            SessionOptionValue text = makeSessionOptionValue(String.join(",", LIST));
            set(client, Map.of("foolong", makeEmptySessionOptionValue(), "big_ol_string_list", text));
            Check.equal("options after one is unset and one is changed",
                Map.of("bardouble", real, "big_ol_string_list", text), get(client));
        }
    }

    private static Map<String, Error> set(FlightClient client, Map<String, SessionOptionValue> options) {
        return client.setSessionOptions(new SetSessionOptionsRequest(options)).getErrors();
    }

    private static Map<String, SessionOptionValue> get(FlightClient client) {
        return client.getSessionOptions(new GetSessionOptionsRequest()).getSessionOptions();
    }
}
