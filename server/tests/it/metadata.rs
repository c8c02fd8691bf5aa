//! What exists: exact schemas, filters, keys, and numbers about the server.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Schema, UInt32Type};
use arrow_flight::IpcMessage;
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, ProstMessageExt,
};
use bytes::Bytes;
use tonic::transport::Channel;

use crate::harness::{TestServer, ask, command, run, text};

async fn start() -> (TestServer, FlightServiceClient<Channel>) {
    let server = TestServer::start().await;
    let client = server.raw().await;
    run(
        &client,
        &[
            "CREATE SCHEMA crm",
            "CREATE TABLE crm.customer (id BIGINT NOT NULL, name VARCHAR, PRIMARY KEY (id))",
            "CREATE TABLE crm.sales (id BIGINT NOT NULL, customer_id BIGINT, amount DECIMAL(10, 2), PRIMARY KEY (id), \
             FOREIGN KEY (customer_id) REFERENCES crm.customer (id) NOT ENFORCED)",
            "CREATE TABLE a_b (x INT)",
            "CREATE TABLE axb (x INT)",
            "CREATE VIEW big AS SELECT id FROM crm.sales WHERE amount > 100",
        ],
    )
    .await;
    (server, client)
}

async fn get(client: &FlightServiceClient<Channel>, message: &impl ProstMessageExt) -> RecordBatch {
    ask(client, command(message)).await.unwrap_or_else(|status| panic!("{}", status.message()))
}

fn columns(schema: &Schema) -> Vec<String> {
    let mark = |nullable| if nullable { "" } else { "!" };
    schema
        .fields()
        .iter()
        .map(|f| format!("{} {}{}", f.name(), f.data_type(), mark(f.is_nullable())))
        .collect()
}

#[tokio::test]
async fn catalogs_and_schemas() {
    let (_server, client) = start().await;
    let catalogs = get(&client, &CommandGetCatalogs {}).await;
    assert_eq!(columns(&catalogs.schema()), ["catalog_name Utf8!"]);
    assert_eq!(text(&catalogs), [["pareto"]]);

    let schemas = |catalog: Option<&str>, pattern: Option<&str>| CommandGetDbSchemas {
        catalog: catalog.map(str::to_owned),
        db_schema_filter_pattern: pattern.map(str::to_owned),
    };
    let all = get(&client, &schemas(None, None)).await;
    assert_eq!(columns(&all.schema()), ["catalog_name Utf8", "db_schema_name Utf8!"]);
    let names: Vec<String> = text(&all).into_iter().map(|row| row[1].clone()).collect();
    for expected in ["crm", "information_schema", "public", "system"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    assert_eq!(
        text(&get(&client, &schemas(Some("pareto"), Some("cr%"))).await),
        [["pareto", "crm"]]
    );
    assert_eq!(get(&client, &schemas(Some("other"), None)).await.num_rows(), 0);
}

fn tables(
    schema: Option<&str>,
    table: Option<&str>,
    types: &[&str],
    include_schema: bool,
) -> CommandGetTables {
    CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: schema.map(str::to_owned),
        table_name_filter_pattern: table.map(str::to_owned),
        table_types: types.iter().map(|name| (*name).to_owned()).collect(),
        include_schema,
    }
}

#[tokio::test]
async fn tables_and_their_columns() {
    let (_server, client) = start().await;
    let crm = get(&client, &tables(Some("crm"), None, &[], false)).await;
    assert_eq!(
        columns(&crm.schema()),
        ["catalog_name Utf8", "db_schema_name Utf8", "table_name Utf8!", "table_type Utf8!"]
    );
    assert_eq!(
        text(&crm),
        [["pareto", "crm", "customer", "TABLE"], ["pareto", "crm", "sales", "TABLE"]]
    );
    let views = get(&client, &tables(None, None, &["VIEW"], false)).await;
    assert_eq!(text(&views), [["pareto", "public", "big", "VIEW"]]);
    let types = get(&client, &CommandGetTableTypes {}).await;
    assert_eq!(columns(&types.schema()), ["table_type Utf8!"]);
    assert_eq!(text(&types), [["SYSTEM TABLE"], ["TABLE"], ["VIEW"]]);

    // The underscore is a pattern, its escape is not, and a letter-for-letter match comes first.
    let unescaped = get(&client, &tables(None, Some("a_b"), &[], false)).await;
    assert_eq!(
        unescaped.column(2).as_string::<i32>().iter().flatten().collect::<Vec<_>>(),
        ["a_b", "axb"]
    );
    assert_eq!(get(&client, &tables(None, Some("a\\_b"), &[], false)).await.num_rows(), 1);

    let with_schema = get(&client, &tables(Some("crm"), Some("sales"), &["TABLE"], true)).await;
    assert_eq!(
        with_schema.schema().field(4),
        &arrow::datatypes::Field::new("table_schema", DataType::Binary, false)
    );
    let bytes = with_schema.column(4).as_binary::<i32>().value(0).to_vec();
    let schema = Schema::try_from(IpcMessage(Bytes::from(bytes))).unwrap();
    assert_eq!(columns(&schema), ["id Int64!", "customer_id Int64", "amount Decimal128(10, 2)"]);
    let amount = schema.field(2).metadata();
    assert_eq!(amount["ARROW:FLIGHT:SQL:TYPE_NAME"], "DECIMAL");
    assert_eq!(amount["ARROW:FLIGHT:SQL:PRECISION"], "10");
    assert_eq!(amount["ARROW:FLIGHT:SQL:TABLE_NAME"], "sales");

    // Everything at once, as the ADBC driver does for the whole tree.
    let everything = get(&client, &tables(None, None, &[], true)).await;
    assert!(everything.num_rows() > 10);
    assert_eq!(everything.column(4).null_count(), 0);
}

#[tokio::test]
async fn primary_and_foreign_keys() {
    let (_server, client) = start().await;
    let key = |table: &str| CommandGetPrimaryKeys {
        catalog: None,
        db_schema: None,
        table: table.to_owned(),
    };
    let primary = get(&client, &key("sales")).await;
    assert_eq!(
        columns(&primary.schema()),
        [
            "catalog_name Utf8",
            "db_schema_name Utf8",
            "table_name Utf8!",
            "column_name Utf8!",
            "key_sequence Int32!",
            "key_name Utf8"
        ]
    );
    assert_eq!(text(&primary)[0][..5], ["pareto", "crm", "sales", "id", "1"]);
    assert_eq!(get(&client, &key("a_b")).await.num_rows(), 0);
    assert_eq!(get(&client, &key("nowhere")).await.num_rows(), 0);

    let imported = get(
        &client,
        &CommandGetImportedKeys { catalog: None, db_schema: None, table: "sales".to_owned() },
    )
    .await;
    let exported = get(
        &client,
        &CommandGetExportedKeys { catalog: None, db_schema: None, table: "customer".to_owned() },
    )
    .await;
    let cross = CommandGetCrossReference {
        pk_catalog: Some("pareto".to_owned()),
        pk_db_schema: Some("crm".to_owned()),
        pk_table: "customer".to_owned(),
        fk_catalog: None,
        fk_db_schema: None,
        fk_table: "sales".to_owned(),
    };
    assert_eq!(imported, exported);
    assert_eq!(imported, get(&client, &cross).await);
    let row = &text(&imported)[0];
    assert_eq!(
        row[..9],
        ["pareto", "crm", "customer", "id", "pareto", "crm", "sales", "customer_id", "1"]
    );
    assert_eq!(imported.schema().field(11).data_type(), &DataType::UInt8);
    assert!(!imported.schema().field(12).is_nullable());
    let none = CommandGetCrossReference { fk_table: "a_b".to_owned(), ..cross };
    assert_eq!(get(&client, &none).await.num_rows(), 0);
}

#[tokio::test]
async fn the_server_describes_itself() {
    let (_server, client) = start().await;
    let all = get(&client, &CommandGetSqlInfo { info: vec![] }).await;
    assert_eq!(all.num_rows(), 91);
    let some = get(&client, &CommandGetSqlInfo { info: vec![0, 8, 504, 541, 99_999] }).await;
    let numbers: Vec<u32> = some.column(0).as_primitive::<UInt32Type>().values().to_vec();
    assert_eq!(numbers, [0, 8, 504, 541]);
    let values = some.column(1).as_union();
    assert_eq!(values.value(0).as_string::<i32>().value(0), "Pareto");
    assert_eq!(
        [values.type_id(0), values.type_id(1), values.type_id(2), values.type_id(3)],
        [0, 3, 0, 2]
    );
    let DataType::Union(children, _) = some.schema().field(1).data_type().clone() else {
        panic!("a union")
    };
    assert!(children.iter().all(|(_, field)| !field.is_nullable()), "drivers compare nullability");

    let types = get(&client, &CommandGetXdbcTypeInfo { data_type: None }).await;
    assert_eq!(types.num_columns(), 19);
    assert!(types.num_rows() > 10);
}
