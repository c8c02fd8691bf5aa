import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.vector.FieldVector;

/** Rows as lists. */
final class Rows {
    private Rows() {}

    /** The values of a stream's first column, as far as they are in the batch that it stands at. */
    static List<Object> ofFirstColumn(FlightStream stream) {
        FieldVector column = stream.getRoot().getVector(0);
        List<Object> values = new ArrayList<>();
        for (int row = 0; row < stream.getRoot().getRowCount(); row++) {
            values.add(column.getObject(row));
        }
        return values;
    }

    /** All values of a stream's first column. */
    static List<Object> ofAllBatches(FlightStream stream) {
        List<Object> values = new ArrayList<>();
        while (stream.next()) {
            values.addAll(ofFirstColumn(stream));
        }
        return values;
    }
}
