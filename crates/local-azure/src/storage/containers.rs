//! Creates the state's containers in Azurite.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use tokio::sync::watch;

use super::shared_key;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::proxy::{self, Client};
use crate::state::{PublicAccess, StorageAccount};

const PART: &str = "Blob Storage";
/// How long the creation of one container may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Creates the containers and sets their public access.
pub(super) async fn create(azure: &Azure, mut address: watch::Receiver<Option<Uri>>) -> Result<()> {
    let accounts = azure.read(|state| state.storage_accounts.clone());
    let client = proxy::client(azure.authority().client()?);
    for account in &accounts {
        for container in &account.containers {
            let work = async {
                let listening = address.wait_for(Option::is_some).await;
                let base = listening.ok().and_then(|base| base.clone());
                let base = base.ok_or_else(|| Error::failed(PART, "Azurite has stopped"))?;
                let key_holder = KeyHolder {
                    client: &client,
                    base,
                    account,
                };
                key_holder.ensure(&container.name, container.public_access).await
            };
            let done = tokio::time::timeout(LIMIT, work).await;
            done.map_err(|_| Error::failed(PART, format!("creating the container {} timed out", container.name)))??;
        }
    }
    Ok(())
}

/// A client that signs requests with an account's key.
struct KeyHolder<'a> {
    client: &'a Client,
    base: Uri,
    account: &'a StorageAccount,
}

impl KeyHolder<'_> {
    async fn ensure(&self, container: &str, level: PublicAccess) -> Result<()> {
        let (status, _) = self.send(&Method::PUT, container, "restype=container", level).await?;
        match status {
            StatusCode::CREATED => return Ok(()),
            StatusCode::CONFLICT => {}
            _ => {
                return Err(Error::failed(
                    PART,
                    format!(
                        "the container {container} of {} cannot be created: {status}",
                        self.account.name
                    ),
                ));
            }
        }
        let (_, headers) = self
            .send(&Method::HEAD, container, "restype=container", PublicAccess::None)
            .await?;
        let current = headers.get(LEVEL).and_then(|value| value.to_str().ok());
        if current == level_of(level) {
            return Ok(());
        }
        let (status, _) = self
            .send(&Method::PUT, container, "restype=container&comp=acl", level)
            .await?;
        if status.is_success() {
            Ok(())
        } else {
            Err(Error::failed(
                PART,
                format!("the public access of the container {container} cannot be set: {status}"),
            ))
        }
    }

    async fn send(
        &self,
        method: &Method,
        container: &str,
        query: &str,
        level: PublicAccess,
    ) -> Result<(StatusCode, HeaderMap)> {
        let path = format!("/{}/{container}", self.account.name);
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            headers.insert(name, value.parse().expect("these are valid header values"));
        };
        add("x-ms-version", "2025-11-05");
        add("content-length", "0");
        if let Some(level) = level_of(level) {
            add(LEVEL, level);
        }
        let key = &self.account.key;
        let signature = shared_key::sign(&self.account.name, key, method, &path, query, &headers);
        let signature = signature.ok_or_else(|| {
            Error::Refused(format!(
                "the key of the storage account {} is not valid base64",
                self.account.name
            ))
        })?;
        headers.insert(
            "authorization",
            signature.parse().expect("base64 is a valid header value"),
        );
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.clone();
        *request.uri_mut() = format!("{path}?{query}")
            .parse()
            .map_err(|_| Error::Refused(format!("{container:?} is not a valid container name")))?;
        *request.headers_mut() = headers;
        let answer = proxy::forward(self.client, &self.base, request).await;
        let answer = answer.map_err(|error| Error::failed(PART, error))?;
        Ok((answer.status(), answer.headers().clone()))
    }
}

const LEVEL: &str = "x-ms-blob-public-access";

fn level_of(level: PublicAccess) -> Option<&'static str> {
    match level {
        PublicAccess::None => None,
        PublicAccess::Blob => Some("blob"),
        PublicAccess::Container => Some("container"),
    }
}
