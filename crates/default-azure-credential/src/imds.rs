//! Detects whether there is an Azure Instance Metadata Service (IMDS).
//!
//! The official credential tries for more than a minute before it gives up. That is right on a virtual
//! machine, but too long on a laptop. IMDS is therefore probed first, as in the other Azure SDKs. The probe
//! is a request without the header `Metadata: true`, which IMDS answers with 400 immediately.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>

use azure_core::http::{Context, Method, Request, StatusCode, Transport, Url};
use azure_core::time::Duration;

use crate::time_limit::with_time_limit;

const ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2019-08-01";

/// Returns `Ok` if IMDS is available, or else the reason why it is considered absent.
pub(crate) async fn probe(transport: &Transport, limit: Duration) -> Result<(), String> {
    let url = Url::parse(ENDPOINT).map_err(|error| error.to_string())?;
    let mut request = Request::new(url, Method::Get);
    let context = Context::new();
    let reason = match with_time_limit(limit, transport.send(&context, &mut request)).await {
        None => format!("IMDS did not answer within {} ms", limit.whole_milliseconds()),
        Some(Err(_)) => "IMDS cannot be reached".to_owned(),
        Some(Ok(response)) if is_from_proxy(response.status()) => {
            format!("a proxy answered {} instead of IMDS", u16::from(response.status()))
        }
        // This includes temporary failures (404, 410, 429, 500, 503), which the official credential retries.
        Some(Ok(_)) => return Ok(()),
    };
    Err(format!("IDENTITY_ENDPOINT is not set, and {reason}"))
}

/// Whether the status comes from a proxy, because IMDS itself never returns it: a proxy that requires a
/// login (407) or cannot reach IMDS (502, 504), and the proxy of Docker Desktop (403).
fn is_from_proxy(status: StatusCode) -> bool {
    matches!(u16::from(status), 403 | 407 | 502 | 504)
}
