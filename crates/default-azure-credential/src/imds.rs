//! Is there an Azure Instance Metadata Service (IMDS)?
//!
//! The official credential tries for more than a minute before it gives up, which is right on a
//! virtual machine and wrong on a laptop. So IMDS is asked first for a sign of life, as the other
//! Azure SDKs do: without the `Metadata: true` header, to which it answers 400 at once.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>

use azure_core::http::{Context, Method, Request, StatusCode, Transport, Url};
use azure_core::time::Duration;

use crate::within::within;

const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2019-08-01";

/// `Ok` when IMDS is there; else why it is taken to be absent.
pub(crate) async fn probe(transport: &Transport, limit: Duration) -> Result<(), String> {
    let url = Url::parse(ENDPOINT).map_err(|error| error.to_string())?;
    let mut request = Request::new(url, Method::Get);
    let context = Context::new();
    let sign = match within(limit, transport.send(&context, &mut request)).await {
        None => format!("IMDS gave no sign within {} ms", limit.whole_milliseconds()),
        Some(Err(_)) => "IMDS cannot be reached".to_owned(),
        Some(Ok(answer)) if is_stranger(answer.status()) => {
            format!("a proxy answered {} for IMDS", u16::from(answer.status()))
        }
        // Also when it is in trouble (404, 410, 429, 500, 503): the official credential retries then.
        Some(Ok(_)) => return Ok(()),
    };
    Err(format!("IDENTITY_ENDPOINT is not set, and {sign}"))
}

/// True for what IMDS never answers, but what stands in between does: a proxy that wants a login
/// (407) or has no way to it (502, 504), and the proxy of Docker Desktop (403).
fn is_stranger(status: StatusCode) -> bool {
    matches!(u16::from(status), 403 | 407 | 502 | 504)
}
