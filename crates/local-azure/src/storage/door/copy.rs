//! Checks the sources of copies. Azurite lets every client that can write to an account copy any of its blobs.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method};
use url::Url;

use super::super::address::{AddressStyle, BlobAddress};
use super::super::error::StorageError;
use super::super::operations;
use super::{Caller, Door};
use crate::state::{StorageAccount, View as _};

impl Door {
    /// Checks that the caller may read the source: with its own credential if the source is in the same account, or
    /// else with the permissions in the source's URL.
    pub(super) async fn check_source(
        &self,
        source: &Url,
        caller: &Caller,
        account: &StorageAccount,
        version: &str,
    ) -> Result<(), StorageError> {
        let host = source.host_str().unwrap_or_default();
        if AddressStyle::of(host) == AddressStyle::Unclear {
            return Err(StorageError::WRONG_COPY_SOURCE);
        }
        let address = BlobAddress::parse(host, source.path()).ok_or(StorageError::WRONG_COPY_SOURCE)?;
        let is_own = address.account == account.name();
        match caller {
            Caller::Signer { has_key: true } if is_own => return Ok(()),
            Caller::Principal(id) if is_own && self.permits(*id, &[operations::READ], account, &address).is_ok() => {
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
        *request.uri_mut() = target.parse().map_err(|_| StorageError::WRONG_COPY_SOURCE)?;
        for (name, value) in [("host", host), ("x-ms-version", version)] {
            let value = HeaderValue::from_str(value).map_err(|_| StorageError::WRONG_COPY_SOURCE)?;
            request.headers_mut().insert(name, value);
        }
        match self.answer(request).await.status() {
            status if status.is_success() => Ok(()),
            status => Err(StorageError::unreadable_copy_source(status)),
        }
    }
}
