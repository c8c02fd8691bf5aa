import com.google.protobuf.Any;
import java.util.List;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.sql.FlightSqlClient;
import org.apache.arrow.flight.sql.FlightSqlClient.PreparedStatement;
import org.apache.arrow.flight.sql.FlightSqlProducer.Schemas;
import org.apache.arrow.flight.sql.impl.FlightSql.CommandGetSqlInfo;
import org.apache.arrow.flight.sql.impl.FlightSql.SqlInfo;
import org.apache.arrow.flight.sql.util.TableRef;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * {@code flight_sql}: every question about what exists, a query, an update, and both of them prepared.
 *
 * The questions are about catalogs and tables that are not there, so what is compared are the schemas of their answers.
 */
final class Sql {
    private Sql() {}

    static void run(FlightSqlClient client, BufferAllocator memory) throws Exception {
        objects(client);
        keys(client);
        server(client);
        statements(client);
        preparedStatements(client, memory);
    }

    private static void objects(FlightSqlClient client) {
        Answers.schemas("GetCatalogs", client, Schemas.GET_CATALOGS_SCHEMA, client.getCatalogs(),
            client.getCatalogsSchema());
        Answers.schemas("GetDbSchemas", client, Schemas.GET_SCHEMAS_SCHEMA,
            client.getSchemas("catalog", "db_schema_filter_pattern"), client.getSchemasSchema());
        Answers.schemas("GetTables", client, Schemas.GET_TABLES_SCHEMA,
            client.getTables("catalog", "db_schema_filter_pattern", "table_filter_pattern",
                List.of("table", "view"), true), client.getTablesSchema(true));
        Check.equal("GetSchema of GetTables, without the tables' own", Schemas.GET_TABLES_SCHEMA_NO_SCHEMA,
            client.getTablesSchema(false).getSchema());
        Answers.schemas("GetTableTypes", client, Schemas.GET_TABLE_TYPES_SCHEMA, client.getTableTypes(),
            client.getTableTypesSchema());
    }

    private static void keys(FlightSqlClient client) {
        TableRef table = TableRef.of("catalog", "db_schema", "table");
        Answers.schemas("GetPrimaryKeys", client, Schemas.GET_PRIMARY_KEYS_SCHEMA, client.getPrimaryKeys(table),
            client.getPrimaryKeysSchema());
        Answers.schemas("GetExportedKeys", client, Schemas.GET_EXPORTED_KEYS_SCHEMA, client.getExportedKeys(table),
            client.getExportedKeysSchema());
        Answers.schemas("GetImportedKeys", client, Schemas.GET_IMPORTED_KEYS_SCHEMA, client.getImportedKeys(table),
            client.getImportedKeysSchema());
        Answers.schemas("GetCrossReference", client, Schemas.GET_CROSS_REFERENCE_SCHEMA,
            client.getCrossReference(TableRef.of("pk_catalog", "pk_db_schema", "pk_table"),
                TableRef.of("fk_catalog", "fk_db_schema", "fk_table")), client.getCrossReferenceSchema());
    }

    private static void server(FlightSqlClient client) throws Exception {
        Answers.schemas("GetXdbcTypeInfo", client, Schemas.GET_TYPE_INFO_SCHEMA, client.getXdbcTypeInfo(),
            client.getXdbcTypeInfoSchema());
        FlightInfo info = client.getSqlInfo(SqlInfo.FLIGHT_SQL_SERVER_NAME, SqlInfo.FLIGHT_SQL_SERVER_READ_ONLY);
        byte[] ticket = info.getEndpoints().get(0).getTicket().getBytes();
        Check.equal("what the ticket of GetSqlInfo asks for",
            List.of(SqlInfo.FLIGHT_SQL_SERVER_NAME_VALUE, SqlInfo.FLIGHT_SQL_SERVER_READ_ONLY_VALUE),
            Any.parseFrom(ticket).unpack(CommandGetSqlInfo.class).getInfoList());
        Answers.schemas("GetSqlInfo", client, Schemas.GET_SQL_INFO_SCHEMA, info, client.getSqlInfoSchema());
    }

    private static void statements(FlightSqlClient client) {
        Answers.schemas("a query", client, Answers.QUERY, client.execute("SELECT STATEMENT"),
            client.getExecuteSchema("SELECT STATEMENT"));
        Check.equal("rows of an update", 10000L, client.executeUpdate("UPDATE STATEMENT"));
    }

    private static void preparedStatements(FlightSqlClient client, BufferAllocator memory) {
        try (PreparedStatement query = client.prepare("SELECT PREPARED STATEMENT");
             VectorSchemaRoot parameters = Answers.parameters(memory)) {
            query.setParameters(parameters);
            Answers.schemas("a prepared query", client, Answers.QUERY, query.execute(), query.fetchSchema());
        }
        try (PreparedStatement update = client.prepare("UPDATE PREPARED STATEMENT")) {
            Check.equal("rows of a prepared update", 20000L, update.executeUpdate());
        }
    }
}
