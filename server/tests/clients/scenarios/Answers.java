import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.SchemaResult;
import org.apache.arrow.flight.sql.FlightSqlClient;
import org.apache.arrow.flight.sql.FlightSqlColumnMetadata;
import org.apache.arrow.flight.sql.FlightSqlProducer.Schemas;
import org.apache.arrow.flight.sql.impl.FlightSql.SqlInfo;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.UInt4Vector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.DenseUnionVector;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;
import org.apache.arrow.vector.types.pojo.Schema;

/** What the three scenarios of Flight SQL compare: schemas, described columns, and what the server says of itself. */
final class Answers {
    /** The schema of a query, and of one within a transaction. */
    static final Schema QUERY = described("id", Long.SIZE);
    static final Schema QUERY_IN_TRANSACTION = described("pkey", Integer.SIZE);

    private Answers() {}

    /** The schema with the rows, which are read to their end, and the one that is had without them. */
    static void schemas(String what, FlightSqlClient client, Schema expected, FlightInfo rows, SchemaResult alone) {
        stream(what, client, expected, rows);
        Check.equal("GetSchema of " + what, expected, alone.getSchema());
    }

    static void stream(String what, FlightSqlClient client, Schema expected, FlightInfo info) {
        for (FlightEndpoint part : info.getEndpoints()) {
            try (FlightStream stream = client.getStream(part.getTicket())) {
                Check.equal("schema of " + what, expected, stream.getSchema());
                Rows.ofAllBatches(stream);
            } catch (Exception error) {
                throw new AssertionError(what, error);
            }
        }
        Check.holds("a part of " + what, !info.getEndpoints().isEmpty());
    }

    /** One row of parameters for a query, which is null. */
    static VectorSchemaRoot parameters(BufferAllocator memory) {
        VectorSchemaRoot parameters = VectorSchemaRoot.create(QUERY, memory);
        parameters.setRowCount(1);
        return parameters;
    }

    /** The server's answers to GetSqlInfo must have these among them. */
    static void sqlInfo(FlightSqlClient client, FlightInfo info, Map<SqlInfo, Object> expected) throws Exception {
        Map<Integer, Object> answered = new HashMap<>();
        try (FlightStream stream = client.getStream(info.getEndpoints().get(0).getTicket())) {
            Check.equal("schema of GetSqlInfo", Schemas.GET_SQL_INFO_SCHEMA, stream.getSchema());
            while (stream.next()) {
                UInt4Vector numbers = (UInt4Vector) stream.getRoot().getVector(0);
                DenseUnionVector values = (DenseUnionVector) stream.getRoot().getVector(1);
                for (int row = 0; row < stream.getRoot().getRowCount(); row++) {
                    Object before = answered.put(numbers.get(row), value(values, row));
                    Check.equal("an earlier answer to " + numbers.get(row), null, before);
                }
            }
        }
        expected.forEach((asked, value) -> Check.equal(asked.name(), value, answered.get(asked.getNumber())));
    }

    /** Texts, truth values and numbers; the scenarios know no lists here. */
    private static Object value(DenseUnionVector values, int row) {
        byte type = values.getTypeId(row);
        Check.holds("the value is no list", type >= 0 && type <= 3);
        Object value = values.getVectorByType(type).getObject(values.getOffset(row));
        return type == 0 ? value.toString() : value;
    }

    private static Schema described(String name, int bits) {
        Map<String, String> description = new FlightSqlColumnMetadata.Builder().catalogName("catalog_test")
            .schemaName("schema_test").tableName("test").typeName("type_test").precision(100).isAutoIncrement(true)
            .isCaseSensitive(false).isSearchable(true).remarks("test column").build().getMetadataMap();
        FieldType type = new FieldType(true, new ArrowType.Int(bits, true), null, description);
        return new Schema(List.of(new Field(name, type, null)));
    }
}
