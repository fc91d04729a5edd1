//! The sources of copies. Azurite lets whoever may write in an account copy from all of it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method};
use url::Url;

use super::super::operations;
use super::super::place::{Place, Style};
use super::super::refusal::Refusal;
use super::{Caller, Door};
use crate::state::StorageAccount;

impl Door {
    /// Whether that caller may read what it wants to copy: by itself in its own account, and elsewhere as the source's
    /// address allows.
    pub(super) async fn check_source(
        &self,
        source: &Url,
        caller: &Caller,
        account: &StorageAccount,
        version: &str,
    ) -> Result<(), Refusal> {
        let host = source.host_str().unwrap_or_default();
        if Style::of(host) == Style::Unclear {
            return Err(Refusal::WRONG_COPY_SOURCE);
        }
        let place = Place::read(host, source.path()).ok_or(Refusal::WRONG_COPY_SOURCE)?;
        let is_own = place.account == account.name;
        match caller {
            Caller::Signer { has_key: true } if is_own => return Ok(()),
            Caller::Principal(id) if is_own && self.permits(*id, &[operations::READ], account, &place).is_ok() => {
                return Ok(());
            }
            _ => {}
        }
        let mut target = source.path().to_owned();
        if let Some(query) = source.query() {
            target = format!("{target}?{query}");
        }
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::HEAD;
        *request.uri_mut() = target.parse().map_err(|_| Refusal::WRONG_COPY_SOURCE)?;
        for (name, value) in [("host", host), ("x-ms-version", version)] {
            let value = HeaderValue::from_str(value).map_err(|_| Refusal::WRONG_COPY_SOURCE)?;
            request.headers_mut().insert(name, value);
        }
        match self.answer(request).await.status() {
            status if status.is_success() => Ok(()),
            status => Err(Refusal::no_copy_source(status)),
        }
    }
}
