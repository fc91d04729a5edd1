//! The managed identity endpoints: where a program gets tokens without any password.
//!
//! There are two, on one port, by plain HTTP as in Azure: App Service's, which tells apps apart by a secret header, and
//! that of virtual machines, IMDS, which answers whoever is on the machine.

mod app_service;
mod asked;
mod cache;
mod imds;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use self::cache::{Cache, Given};
use crate::faults::IdentityFault;
use crate::server::{LOOPBACK, Server, bind};
use crate::state::{Azure, ManagedIdentity};
use crate::{Error, Result};

const PART: &str = "the managed identity endpoints";
const FLAG: &str = "--identity-port";

/// The managed identity endpoints of App Service and of IMDS, until this value is dropped.
pub struct IdentityEndpoints {
    port: u16,
    shared: Arc<Shared>,
    server: Mutex<Option<Server>>,
}

struct Shared {
    azure: Azure,
    cache: Cache,
    requests: AtomicUsize,
}

impl IdentityEndpoints {
    /// Serves them on that port of loopback; 0 takes a free one.
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

    /// The port of loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `IDENTITY_ENDPOINT`, beside a header of [`Azure::identity_headers`] in `IDENTITY_HEADER`.
    #[must_use]
    pub fn app_service_url(&self) -> String {
        format!("{}/msi/token", self.imds_host())
    }

    /// The value of `AZURE_POD_IDENTITY_AUTHORITY_HOST`, which stands for the address 169.254.169.254 in clients.
    #[must_use]
    pub fn imds_host(&self) -> String {
        format!("http://{LOOPBACK}:{}", self.port)
    }

    /// Refuses connections and ends those it has: the fault [`IdentityFault::Away`].
    pub fn stop(&self) {
        drop(self.server.lock().expect("nobody panics").take());
    }

    /// Listens again, on the same port, if it was stopped.
    pub fn start_again(&self) -> Result<()> {
        let mut server = self.server.lock().expect("nobody panics");
        if server.is_none() {
            *server = Some(Server::http(bind(self.port, PART, FLAG)?, router(self.shared.clone())));
        }
        Ok(())
    }

    /// How many requests came, however they were answered.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// The tokens that were handed out so far, each once, newest last; at most the last 1000. For those who look
    /// whether a token is in a log.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        self.shared.cache.issued()
    }

    /// Empties the platform's cache: the next tokens are new ones. Azure has no such switch.
    pub fn forget_tokens(&self) {
        self.shared.cache.clear();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/msi/token", get(app_service::token))
        .route("/metadata/identity/oauth2/token", get(imds::token))
        // MSAL for Node.js ends the path with a slash when the host is a variable's.
        .route("/metadata/identity/oauth2/token/", get(imds::token))
        .layer(middleware::from_fn_with_state(shared.clone(), count))
        .with_state(shared)
}

async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.requests.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}

/// A fault that is answered with an error.
struct Fault {
    status: u16,
    retry_after: Option<u64>,
}

impl Shared {
    /// What is wrong on purpose now, for a request that is in order.
    async fn fault(&self) -> Result<(), Fault> {
        match self.azure.faults().now().identity {
            // Away is what `stop` does; who can ask has come before it, or after it.
            IdentityFault::None | IdentityFault::Away => Ok(()),
            IdentityFault::Slow(time) => {
                tokio::time::sleep(time).await;
                Ok(())
            }
            IdentityFault::Status(status) => Err(Fault {
                status,
                retry_after: None,
            }),
            IdentityFault::TooManyRequests { retry_after } => Err(Fault {
                status: 429,
                retry_after: Some(retry_after),
            }),
            IdentityFault::Hangs => pending().await,
        }
    }

    /// A token of that identity, from the platform's cache or new.
    fn give(&self, identity: &ManagedIdentity, resource: &str) -> Given {
        self.cache.give(&self.azure, &identity.principal(), resource)
    }
}

/// Whether a resource is one, and no scope: clients strip `/.default`, and Entra does not know the name with it.
fn is_resource(text: &str) -> bool {
    !text.is_empty() && !text.ends_with("/.default")
}
