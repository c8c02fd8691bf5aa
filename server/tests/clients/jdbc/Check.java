import java.util.Arrays;
import java.util.Objects;

/** Compares answers, prints a line for each, and counts those that are wrong. */
final class Check {
    /** Something that may throw, as everything in JDBC may. */
    interface Work {
        void run() throws Exception;
    }

    interface Value {
        Object get() throws Exception;
    }

    private int right;
    private int wrong;

    /** The value must be this; decimals and texts are compared as they are, arrays element by element. */
    void equal(String what, Object expected, Value actual) {
        try {
            Object got = actual.get();
            report(what, Objects.deepEquals(expected, got), "expected " + show(expected) + ", got " + show(got));
        } catch (Exception | LinkageError | AssertionError error) {
            report(what, false, "expected " + show(expected) + ", got " + trace(error));
        }
    }

    /** It must work. */
    void works(String what, Work work) {
        try {
            work.run();
            report(what, true, "");
        } catch (Exception | LinkageError | AssertionError error) {
            report(what, false, trace(error));
        }
    }

    /** It must be refused with a message that says this. */
    void refused(String what, String said, Work work) {
        try {
            work.run();
            report(what, false, "expected a refusal, it worked");
        } catch (Exception | LinkageError | AssertionError error) {
            report(what, String.valueOf(trace(error)).contains(said), "expected \"" + said + "\", got " + trace(error));
        }
    }

    int finish() {
        System.out.println(right + " right, " + wrong + " wrong");
        return wrong == 0 && right > 0 ? 0 : 1;
    }

    private void report(String what, boolean ok, String why) {
        if (ok) {
            right++;
        } else {
            wrong++;
            System.out.println("WRONG " + what + ": " + why);
        }
    }

    private static String show(Object value) {
        if (value instanceof byte[] bytes) {
            return Arrays.toString(bytes);
        }
        return value instanceof Object[] values ? Arrays.deepToString(values)
            : value == null ? "null" : value.getClass().getSimpleName() + " " + value;
    }

    private static String trace(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            text.append(cause).append(" / ");
        }
        StackTraceElement[] frames = error.getStackTrace();
        for (int i = 0; i < Math.min(4, frames.length); i++) {
            text.append("\n        at ").append(frames[i]);
        }
        return text.toString();
    }
}
