import java.util.List;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.vector.types.Types.MinorType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * {@code ordered}: a result in three parts that are to be read one after the other.
 *
 * Each is one batch, from the connection that is there: 1, 2, 3, then ten times, then a hundred times that.
 */
final class Ordered {
    private static final Schema NUMBERS = new Schema(List.of(Field.notNullable("number", MinorType.INT.getType())));

    private Ordered() {}

    static void run(FlightClient client) throws Exception {
        FlightInfo info = client.getInfo(FlightDescriptor.command("ordered".getBytes()));
        Check.holds("the order of the parts counts", info.getOrdered());
        Check.equal("parts", 3, info.getEndpoints().size());
        int times = 1;
        for (FlightEndpoint part : info.getEndpoints()) {
            Check.equal("locations", List.of(), part.getLocations());
            try (FlightStream stream = client.getStream(part.getTicket())) {
                Check.equal("schema", NUMBERS, stream.getSchema());
                Check.holds("a batch", stream.next());
                Check.equal("rows", List.of(times, 2 * times, 3 * times), Rows.ofFirstColumn(stream));
                Check.holds("one batch only", !stream.next());
            }
            times *= 10;
        }
    }
}
