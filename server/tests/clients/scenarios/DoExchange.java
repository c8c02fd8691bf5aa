import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.Types.MinorType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * {@code do_exchange:echo}: what is sent comes back on the same stream, batch by batch, before the next one is sent.
 *
 * Batch n is n, n + 1 .. n + 9. Those of even number carry it as metadata, the others none, and so do the echoes.
 */
final class DoExchange {
    private static final Schema SCHEMA = new Schema(List.of(Field.notNullable("x", MinorType.INT.getType())));
    private static final int BATCHES = 4;
    private static final int ROWS = 10;

    private DoExchange() {}

    static void run(FlightClient client, BufferAllocator memory) throws Exception {
        FlightDescriptor echo = FlightDescriptor.command("echo".getBytes());
        try (FlightClient.ExchangeReaderWriter exchange = client.doExchange(echo);
             VectorSchemaRoot sent = VectorSchemaRoot.create(SCHEMA, memory)) {
            exchange.getWriter().start(sent);
            for (int batch = 0; batch < BATCHES; batch++) {
                fill(sent, batch);
                send(exchange, batch, memory);
                Check.holds("an echo of batch " + batch, exchange.getReader().next());
                compare(exchange.getReader(), batch);
            }
            exchange.getWriter().completed();
            Check.holds("no echo of the end", !exchange.getReader().next());
        }
    }

    private static void fill(VectorSchemaRoot sent, int batch) {
        IntVector numbers = (IntVector) sent.getVector("x");
        for (int row = 0; row < ROWS; row++) {
            numbers.setSafe(row, batch + row);
        }
        sent.setRowCount(ROWS);
    }

    private static void send(FlightClient.ExchangeReaderWriter exchange, int batch, BufferAllocator memory) {
        if (batch % 2 == 1) {
            exchange.getWriter().putNext();
            return;
        }
        byte[] number = String.valueOf(batch).getBytes();
        ArrowBuf metadata = memory.buffer(number.length);
        metadata.writeBytes(number);
        // The buffer is the writer's from here on.
        exchange.getWriter().putNext(metadata);
    }

    private static void compare(FlightStream echoed, int batch) {
        Check.equal("schema", SCHEMA, echoed.getSchema());
        List<Object> expected = new ArrayList<>();
        for (int row = 0; row < ROWS; row++) {
            expected.add(batch + row);
        }
        Check.equal("batch " + batch, expected, Rows.ofFirstColumn(echoed));
        ArrowBuf metadata = echoed.getLatestMetadata();
        byte[] number = null;
        if (metadata != null) {
            number = new byte[(int) metadata.readableBytes()];
            metadata.getBytes(metadata.readerIndex(), number);
        }
        Check.equal("its metadata", batch % 2 == 0 ? String.valueOf(batch).getBytes() : null, number);
    }
}
