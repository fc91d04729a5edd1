//! The managed identity endpoints, which issue tokens to programs that have no password.
//!
//! The two endpoints share one port and use plain HTTP, as on Azure. App Service's endpoint identifies an app by a secret
//! header. IMDS, the endpoint of virtual machines, answers every program on the machine.

mod app_service;
mod cache;
mod direct;
mod imds;
mod selector;
mod shared;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use self::cache::Cache;
use self::shared::Shared;
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::server::{LOOPBACK, Server, bind};

const PART: &str = "the managed identity endpoints";
const FLAG: &str = "--identity-port";

/// The managed identity endpoints of App Service and IMDS. They stop when this value is dropped.
pub struct IdentityEndpoints {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

impl IdentityEndpoints {
    /// Starts both endpoints on that loopback port. Port 0 selects a free one.
    pub fn start(azure: &Azure, port: u16) -> Result<Self> {
        let listener = bind(port, PART, FLAG)?;
        let address = listener.local_addr().map_err(|error| Error::failed(PART, error))?;
        let shared = Arc::new(Shared {
            azure: azure.clone(),
            cache: Cache::default(),
            requests: AtomicUsize::new(0),
        });
        Ok(Self {
            port: address.port(),
            server: Mutex::new(Some(Server::http(listener, router(shared.clone())))),
            shared,
        })
    }

    /// The loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `IDENTITY_ENDPOINT`. It requires an `IDENTITY_HEADER` from [`Azure::identity_headers`].
    #[must_use]
    pub fn app_service_url(&self) -> String {
        format!("{}/msi/token", self.imds_host())
    }

    /// The value of `AZURE_POD_IDENTITY_AUTHORITY_HOST`, which replaces the address 169.254.169.254 in clients.
    #[must_use]
    pub fn imds_host(&self) -> String {
        format!("http://{LOOPBACK}:{}", self.port)
    }

    /// The routes of both endpoints.
    pub fn router(&self) -> Router {
        router(self.shared.clone())
    }

    /// Closes the port and all connections, for the fault [`Away`](crate::faults::IdentityFault::Away).
    pub fn stop(&self) {
        drop(
            self.server
                .lock()
                .expect("no thread panics while holding the lock")
                .take(),
        );
    }

    /// Listens again on the same port, if it was stopped.
    pub fn start_again(&self) -> Result<()> {
        let mut server = self.server.lock().expect("no thread panics while holding the lock");
        if server.is_none() {
            *server = Some(Server::http(bind(self.port, PART, FLAG)?, router(self.shared.clone())));
        }
        Ok(())
    }

    /// The number of requests so far, including rejected ones.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The last 1000 distinct tokens that were issued, oldest first. A test can check that no log contains them.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.shared.cache.issued()
    }

    /// Clears the platform's cache, so that the next tokens are new. Azure has no equivalent.
    pub fn forget_tokens(&self) {
        self.shared.cache.clear();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/msi/token", get(app_service::token))
        .route("/metadata/identity/oauth2/token", get(imds::token))
        // MSAL for Node.js appends a slash to the path if the host comes from `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
        .route("/metadata/identity/oauth2/token/", get(imds::token))
        .layer(middleware::from_fn(direct::only_direct))
        .layer(middleware::from_fn_with_state(shared.clone(), count))
        .with_state(shared)
}

async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}
