import java.util.Arrays;
import java.util.Objects;
import org.apache.arrow.flight.FlightRuntimeException;
import org.apache.arrow.flight.FlightStatusCode;

/** What a scenario expects. The first thing that is otherwise ends it, because what follows builds on it. */
final class Check {
    /** Something that asks the server. */
    interface Work {
        void run() throws Exception;
    }

    private Check() {}

    /** The value must be this; arrays are compared element by element. */
    static void equal(String what, Object expected, Object got) {
        holds(what + ": expected " + show(expected) + ", got " + show(got), Objects.deepEquals(expected, got));
    }

    static void holds(String what, boolean does) {
        if (!does) {
            throw new AssertionError(what);
        }
    }

    /** The server must refuse it, for whatever reason. */
    static FlightStatusCode refused(String what, Work work) throws Exception {
        try {
            work.run();
        } catch (FlightRuntimeException refusal) {
            return refusal.status().code();
        }
        throw new AssertionError(what + ": expected a refusal, it worked");
    }

    private static String show(Object value) {
        return value instanceof byte[] bytes ? Arrays.toString(bytes) : String.valueOf(value);
    }
}
