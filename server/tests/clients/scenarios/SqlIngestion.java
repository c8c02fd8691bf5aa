import java.util.List;
import java.util.Map;
import org.apache.arrow.flight.sql.FlightSqlClient;
import org.apache.arrow.flight.sql.FlightSqlClient.ExecuteIngestOptions;
import org.apache.arrow.flight.sql.FlightSqlClient.Transaction;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandStatementIngest.TableDefinitionOptions;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandStatementIngest.TableDefinitionOptions.TableExistsOption;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandStatementIngest.TableDefinitionOptions.TableNotExistOption;
import org.apache.arrow.flight.sql.impl.FlightSql.SqlInfo;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.types.Types.MinorType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.Schema;

/** {@code flight_sql:ingestion}: three rows become a table, with everything that an ingestion may say of it. */
final class SqlIngestion {
    private SqlIngestion() {}

    static void run(FlightSqlClient client, BufferAllocator memory) throws Exception {
        SqlInfo bulk = SqlInfo.FLIGHT_SQL_SERVER_BULK_INGESTION;
        SqlInfo inTransactions = SqlInfo.FLIGHT_SQL_SERVER_INGEST_TRANSACTIONS_SUPPORTED;
        Answers.sqlInfo(client, client.getSqlInfo(inTransactions, bulk), Map.of(inTransactions, true, bulk, true));

        TableDefinitionOptions table = TableDefinitionOptions.newBuilder()
            .setIfNotExist(TableNotExistOption.TABLE_NOT_EXIST_OPTION_CREATE)
            .setIfExists(TableExistsOption.TABLE_EXISTS_OPTION_REPLACE).build();
        ExecuteIngestOptions options = new ExecuteIngestOptions("test_table", table, true, "test_catalog",
            "test_schema", Map.of("key1", "val1", "key2", "val2"));
        Schema schema = new Schema(List.of(Field.nullable("test_field", MinorType.BIGINT.getType())));
        try (VectorSchemaRoot rows = VectorSchemaRoot.create(schema, memory)) {
            rows.setRowCount(3);
            Check.equal("rows that went in", 3L,
                client.executeIngest(rows, options, new Transaction("123".getBytes())));
        }
    }
}
