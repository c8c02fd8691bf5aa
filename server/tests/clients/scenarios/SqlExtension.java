import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.sql.CancelResult;
import org.apache.arrow.flight.sql.FlightSqlClient;
import org.apache.arrow.flight.sql.FlightSqlClient.PreparedStatement;
import org.apache.arrow.flight.sql.FlightSqlClient.Savepoint;
import org.apache.arrow.flight.sql.FlightSqlClient.SubstraitPlan;
import org.apache.arrow.flight.sql.FlightSqlClient.Transaction;
import org.apache.arrow.flight.sql.impl.FlightSql.SqlInfo;
import org.apache.arrow.flight.sql.impl.FlightSql.SqlSupportedTransaction;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.VectorSchemaRoot;

/**
 * {@code flight_sql:extension}: Substrait plans, cancelling, transactions and savepoints.
 *
 * The plan is the text "plan", for queries and for updates. Within a transaction the same statements have other columns
 * and other counts, so an id that gets lost on the way is seen.
 */
final class SqlExtension {
    private static final SubstraitPlan PLAN = new SubstraitPlan("plan".getBytes(), "version");

    private SqlExtension() {}

    static void run(FlightSqlClient client, BufferAllocator memory) throws Exception {
        server(client);
        plans(client);
        preparedPlans(client, memory);
        transactions(client, memory);
    }

    /** All that the server says of itself is asked for, by naming nothing. */
    private static void server(FlightSqlClient client) throws Exception {
        Answers.sqlInfo(client, client.getSqlInfo(new SqlInfo[0]), Map.of(
            SqlInfo.FLIGHT_SQL_SERVER_SQL, false,
            SqlInfo.FLIGHT_SQL_SERVER_SUBSTRAIT, true,
            SqlInfo.FLIGHT_SQL_SERVER_SUBSTRAIT_MIN_VERSION, "min_version",
            SqlInfo.FLIGHT_SQL_SERVER_SUBSTRAIT_MAX_VERSION, "max_version",
            SqlInfo.FLIGHT_SQL_SERVER_TRANSACTION,
            SqlSupportedTransaction.SQL_SUPPORTED_TRANSACTION_SAVEPOINT_VALUE,
            SqlInfo.FLIGHT_SQL_SERVER_CANCEL, true,
            SqlInfo.FLIGHT_SQL_SERVER_STATEMENT_TIMEOUT, 42,
            SqlInfo.FLIGHT_SQL_SERVER_TRANSACTION_TIMEOUT, 7));
    }

    // CancelFlightInfo has taken the place of CancelQuery, and the scenario asks for the older one.
    @SuppressWarnings("deprecation")
    private static void plans(FlightSqlClient client) {
        FlightInfo info = client.executeSubstrait(PLAN);
        Answers.schemas("a plan", client, Answers.QUERY, info, client.getExecuteSubstraitSchema(PLAN));
        Check.equal("cancelling it", CancelResult.CANCELLED, client.cancelQuery(info));
        Check.equal("rows of a plan that updates", 10000L, client.executeSubstraitUpdate(PLAN));
    }

    private static void preparedPlans(FlightSqlClient client, BufferAllocator memory) {
        try (PreparedStatement query = client.prepare(PLAN); VectorSchemaRoot parameters = Answers.parameters(memory)) {
            query.setParameters(parameters);
            Answers.schemas("a prepared plan", client, Answers.QUERY, query.execute(), query.fetchSchema());
        }
        try (PreparedStatement update = client.prepare(PLAN)) {
            Check.equal("rows of a prepared plan that updates", 20000L, update.executeUpdate());
        }
    }

    /** Everything until the savepoint is taken back, then a second one is released and the transaction committed. */
    private static void transactions(FlightSqlClient client, BufferAllocator memory) {
        Transaction transaction = begin(client);
        Savepoint savepoint = save(client, transaction);
        statementsWithin(client, transaction);
        preparedWithin(client, transaction, memory);
        client.rollback(savepoint);

        client.release(save(client, transaction));
        client.commit(transaction);

        client.rollback(begin(client));
    }

    private static Transaction begin(FlightSqlClient client) {
        Transaction transaction = client.beginTransaction();
        Check.equal("id of the transaction", "transaction_id", text(transaction.getTransactionId()));
        return transaction;
    }

    private static Savepoint save(FlightSqlClient client, Transaction transaction) {
        Savepoint savepoint = client.beginSavepoint(transaction, "savepoint_name");
        Check.equal("id of the savepoint", "savepoint_id", text(savepoint.getSavepointId()));
        return savepoint;
    }

    private static void statementsWithin(FlightSqlClient client, Transaction transaction) {
        Answers.schemas("a query in a transaction", client, Answers.QUERY_IN_TRANSACTION,
            client.execute("SELECT STATEMENT", transaction), client.getExecuteSchema("SELECT STATEMENT", transaction));
        Answers.schemas("a plan in a transaction", client, Answers.QUERY_IN_TRANSACTION,
            client.executeSubstrait(PLAN, transaction), client.getExecuteSubstraitSchema(PLAN, transaction));
        Check.equal("rows of an update in a transaction", 15000L,
            client.executeUpdate("UPDATE STATEMENT", transaction));
        Check.equal("rows of a plan that updates in a transaction", 15000L,
            client.executeSubstraitUpdate(PLAN, transaction));
    }

    private static void preparedWithin(FlightSqlClient client, Transaction transaction, BufferAllocator memory) {
        try (PreparedStatement query = client.prepare("SELECT PREPARED STATEMENT", transaction);
             PreparedStatement plan = client.prepare(PLAN, transaction);
             VectorSchemaRoot parameters = Answers.parameters(memory)) {
            query.setParameters(parameters);
            Answers.schemas("a prepared query in a transaction", client, Answers.QUERY_IN_TRANSACTION,
                query.execute(), query.fetchSchema());
            plan.setParameters(parameters);
            Answers.schemas("a prepared plan in a transaction", client, Answers.QUERY_IN_TRANSACTION,
                plan.execute(), plan.fetchSchema());
        }
        try (PreparedStatement update = client.prepare("UPDATE PREPARED STATEMENT", transaction);
             PreparedStatement plan = client.prepare(PLAN, transaction)) {
            Check.equal("rows of a prepared update in a transaction", 25000L, update.executeUpdate());
            Check.equal("rows of a prepared plan that updates in a transaction", 25000L, plan.executeUpdate());
        }
    }

    private static String text(byte[] id) {
        return new String(id, StandardCharsets.UTF_8);
    }
}
