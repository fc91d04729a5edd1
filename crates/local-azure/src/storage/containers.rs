//! Creates, lists and deletes containers in Azurite.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use http_body_util::BodyExt as _;
use tokio::sync::watch;

use super::shared_key;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::proxy::{self, Client};
use crate::state::{Container, PublicAccess, StorageAccount, View as _};

const PART: &str = "Blob Storage";
/// How long one of these operations may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Creates the containers of these accounts and sets their public access.
pub(super) async fn create(
    azure: &Azure,
    address: watch::Receiver<Option<Uri>>,
    accounts: &[StorageAccount],
) -> Result<()> {
    let client = proxy::client(azure.authority().client()?);
    for account in accounts {
        for container in &account.containers {
            let work = async {
                let holder = KeyHolder::new(&client, address.clone(), account.name(), &account.keys[0]).await?;
                holder.ensure(&container.name, container.public_access).await
            };
            let done = within_limit(&format!("creating the container {}", container.name), work).await;
            // One container's failure must not stop the others.
            if let Err(error) = done {
                tracing::warn!("{error}");
            }
        }
    }
    Ok(())
}

/// Deletes all containers of an account.
pub(super) async fn delete_all(
    azure: &Azure,
    address: watch::Receiver<Option<Uri>>,
    account: &str,
    key: &str,
) -> Result<()> {
    let client = proxy::client(azure.authority().client()?);
    let work = async {
        let holder = KeyHolder::new(&client, address, account, key).await?;
        loop {
            let found = holder.list().await?;
            if found.is_empty() {
                return Ok(());
            }
            for container in found {
                holder.delete(&container.name).await?;
            }
        }
    };
    within_limit(&format!("deleting the containers of {account}"), work).await
}

/// The containers of an account, whoever created them.
pub(super) async fn list(
    azure: &Azure,
    address: watch::Receiver<Option<Uri>>,
    account: &StorageAccount,
) -> Result<Vec<Container>> {
    let client = proxy::client(azure.authority().client()?);
    let work = async {
        let holder = KeyHolder::new(&client, address, account.name(), &account.keys[0]).await?;
        holder.list().await
    };
    within_limit(&format!("listing the containers of {}", account.name()), work).await
}

/// Deletes a container, if it exists.
pub(super) async fn delete(
    azure: &Azure,
    address: watch::Receiver<Option<Uri>>,
    account: &StorageAccount,
    container: &str,
) -> Result<()> {
    let client = proxy::client(azure.authority().client()?);
    let work = async {
        let holder = KeyHolder::new(&client, address, account.name(), &account.keys[0]).await?;
        holder.delete(container).await
    };
    within_limit(&format!("deleting the container {container}"), work).await
}

async fn within_limit<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let done = tokio::time::timeout(LIMIT, work).await;
    done.map_err(|_| Error::failed(PART, format!("{what} timed out")))?
}

/// A client that signs requests with an account's key.
struct KeyHolder<'a> {
    client: &'a Client,
    base: Uri,
    account: &'a str,
    key: &'a str,
}

impl<'a> KeyHolder<'a> {
    /// Waits until Azurite listens.
    async fn new(
        client: &'a Client,
        mut address: watch::Receiver<Option<Uri>>,
        account: &'a str,
        key: &'a str,
    ) -> Result<Self> {
        let listening = address.wait_for(Option::is_some).await;
        let base = listening.ok().and_then(|base| base.clone());
        let base = base.ok_or_else(|| Error::failed(PART, "Azurite has stopped"))?;
        Ok(Self {
            client,
            base,
            account,
            key,
        })
    }

    async fn delete(&self, container: &str) -> Result<()> {
        let gone = self
            .send(&Method::DELETE, container, "restype=container", PublicAccess::None)
            .await?;
        if gone.status().is_success() || gone.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        let (account, status) = (self.account, gone.status());
        let why = format!("the container {container} of {account} cannot be deleted: {status}");
        Err(Error::failed(PART, why))
    }

    /// The account's containers, or the first few thousand.
    async fn list(&self) -> Result<Vec<Container>> {
        let answer = self.send(&Method::GET, "", "comp=list", PublicAccess::None).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await;
        let body = body.map_err(|error| Error::failed(PART, error))?.to_bytes();
        if !status.is_success() {
            let why = format!("the containers of {} cannot be listed: {status}", self.account);
            return Err(Error::failed(PART, why));
        }
        // The values read here contain no characters that XML escapes.
        let text = String::from_utf8_lossy(&body).into_owned();
        let value = |text: &str, name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            rest.split_once('<').map(|(value, _)| value.to_owned())
        };
        let found = text.split("<Container>").skip(1).filter_map(|text| {
            let level = value(text, "PublicAccess");
            Some(Container {
                name: value(text, "Name")?,
                public_access: match level.as_deref() {
                    Some("blob") => PublicAccess::Blob,
                    Some("container") => PublicAccess::Container,
                    _ => PublicAccess::None,
                },
            })
        });
        Ok(found.collect())
    }

    async fn ensure(&self, container: &str, level: PublicAccess) -> Result<()> {
        let created = self.send(&Method::PUT, container, "restype=container", level).await?;
        match created.status() {
            StatusCode::CREATED => return Ok(()),
            StatusCode::CONFLICT => {}
            status => {
                return Err(Error::failed(
                    PART,
                    format!(
                        "the container {container} of {} cannot be created: {status}",
                        self.account
                    ),
                ));
            }
        }
        let existing = self
            .send(&Method::HEAD, container, "restype=container", PublicAccess::None)
            .await?;
        let current = existing.headers().get(LEVEL).and_then(|value| value.to_str().ok());
        if current == level_of(level) {
            return Ok(());
        }
        let set = self
            .send(&Method::PUT, container, "restype=container&comp=acl", level)
            .await?;
        let status = set.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(Error::failed(
                PART,
                format!("the public access of the container {container} cannot be set: {status}"),
            ))
        }
    }

    async fn send(&self, method: &Method, container: &str, query: &str, level: PublicAccess) -> Result<Response> {
        let path = format!("/{}/{container}", self.account);
        let path = path.trim_end_matches('/');
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            headers.insert(name, value.parse().expect("these are valid header values"));
        };
        add("x-ms-version", "2025-11-05");
        add("content-length", "0");
        if let Some(level) = level_of(level) {
            add(LEVEL, level);
        }
        let signature = shared_key::sign(self.account, self.key, method, path, query, &headers);
        let signature = signature.ok_or_else(|| {
            Error::Refused(format!(
                "the key of the storage account {} is not valid base64",
                self.account
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
        answer.map_err(|error| Error::failed(PART, error))
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
