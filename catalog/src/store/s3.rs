//! S3 and everything that speaks it. Put-if-absent is `If-None-Match: *`, which the commit protocol rests on.
//!
//! Settings come from the environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`
//! (other stores than AWS; path-style addresses are then used), `AWS_ALLOW_HTTP`. A request may take 20 seconds
//! and is not tried again after 25, so that a wrong endpoint is an error and not a hang.
//!
//! Example: `s3://bucket/warehouse`.

use super::Location;
use crate::{CatalogError, Result};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// How long one request may take, and how long a request with its retries may take.
const REQUEST: Duration = Duration::from_secs(20);
const WITH_RETRIES: Duration = Duration::from_secs(25);

/// Opens `s3://bucket/path`.
pub(super) fn open(url: &Url) -> Result<Location> {
    let bucket = url.host_str().ok_or_else(|| {
        CatalogError::invalid(format!("{url} names no bucket"))
            .with_hint("write s3://bucket/prefix")
    })?;
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let allow_http = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(3),
            base: 2.0,
        },
        max_retries: 6,
        retry_timeout: WITH_RETRIES,
    };
    let options = ClientOptions::new()
        .with_timeout(REQUEST)
        .with_connect_timeout(Duration::from_secs(5))
        .with_allow_http(allow_http);
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_client_options(options)
        .with_retry(retry);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
    }
    let store = builder
        .build()
        .map_err(|error| CatalogError::from(error).during(format!("opening {url}")))?;
    let root = Url::parse(&format!("s3://{bucket}")).map_err(|error| {
        CatalogError::invalid(format!("{bucket:?} is not a bucket name: {error}"))
    })?;
    Ok(Location { store: Arc::new(store), root, path: Path::from(url.path()) })
}
