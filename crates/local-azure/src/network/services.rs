//! Local Azure's services at the sockets that networks inside are connected to.

use std::convert::Infallible;
use std::fs;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixListener as StdListener;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::addresses::{
    APP_DOMAIN, ARM_HOST, AUTHORITY_HOSTS, BLOB_DOMAIN, DEVELOPER_SOCKET, GRAPH_HOST, HTTP_SOCKET, HTTPS_SOCKET,
    IDENTITY_SOCKET, PUBLIC_ADDRESS_HOST, SCM_DOMAIN, is_served, postgres_address, postgres_socket,
};
use super::files::NetworkFiles;
use super::firewall::Firewall;
use super::public_address;
use crate::azure::Azure;
use crate::certificates_by_name;
use crate::error::{Error, Result};
use crate::faults::IdentityFault;
use crate::host::without_port;
use crate::open_folder::OpenFolder;
use crate::reconcile::each;
use crate::server::{LOOPBACK, Server};
use crate::state::PostgresServer;

const PART: &str = "the services of the networks";
/// How long a TLS handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How many connections may wait to be served.
const BACKLOG: usize = 64;

/// The services' routes.
#[derive(Clone)]
pub struct Routes {
    /// Entra's authority.
    pub entra: Router,
    /// The blob services of all accounts.
    pub blobs: Router,
    /// The web apps over HTTPS and over HTTP.
    pub apps: [Router; 2],
    /// The deployment services of the web apps.
    pub kudu: Router,
    /// The managed identity endpoints.
    pub identity: Router,
    /// Azure Resource Manager.
    pub arm: Router,
    /// Azure Resource Manager for clients that act for the developer.
    pub developer: Router,
    /// Microsoft Graph.
    pub graph: Router,
}

/// The services at the sockets. They stop when this value is dropped.
pub struct Services {
    _server: Server,
}

impl Services {
    /// Serves the sockets, and keeps the names inside up to date with the state. `port_of` returns the loopback port of the
    /// running PostgreSQL server with a name.
    pub fn start(
        azure: &Azure,
        files: &NetworkFiles,
        routes: Routes,
        port_of: impl Fn(&str) -> Option<u16> + Send + Sync + 'static,
    ) -> Result<Self> {
        let port_of: PortOf = Arc::new(port_of);
        let sockets = Sockets {
            azure: azure.clone(),
            files: files.clone(),
            folder: OpenFolder::open(files.folder()).map_err(Error::file(files.folder()))?,
        };
        let certificates = certificates_by_name::config(azure, &["localhost"], is_served)?;
        let bind = |name| sockets.bind(name).map_err(|error| Error::failed(PART, error));
        let (https, http, identity) = (bind(HTTPS_SOCKET)?, bind(HTTP_SOCKET)?, bind(IDENTITY_SOCKET)?);
        let developer = bind(DEVELOPER_SOCKET)?;
        let server = Server::run(move || async move {
            let on_runtime = |listener| UnixListener::from_std(listener).expect("the listener is non-blocking");
            let sockets = Arc::new(sockets);
            let azure = sockets.azure.clone();
            let identity_is_away = azure.clone();
            let identity_is_away = move || identity_is_away.faults().active().identity == IdentityFault::Away;
            let storage = azure.clone();
            let storage_is_away = move |account: &str| storage.faults().active().storage_away.concerns(account);
            let socket_of_server = {
                let sockets = sockets.clone();
                move |name: String| {
                    let (sockets, port_of) = (sockets.clone(), port_of.clone());
                    async move { sockets.serve_server(&name, &port_of).await }
                }
            };
            let plain = |listener, is_away: IsAway| PlainListener {
                listener: on_runtime(listener),
                is_away,
            };
            let https = TlsListener::start(on_runtime(https), certificates, Arc::new(storage_is_away));
            let http = plain(http, Arc::new(|| false));
            let developer = plain(developer, Arc::new(|| false));
            let identity = plain(identity, Arc::new(identity_is_away));
            let all = routes.clone();
            tokio::select! {
                never = serve(https, by_host(all.clone(), true)) => match never {},
                never = serve(http, by_host(all, false)) => match never {},
                never = serve(identity, routes.identity) => match never {},
                never = serve(developer, routes.developer) => match never {},
                never = sockets.update_names() => match never {},
                () = each::<PostgresServer, _>(&azure, socket_of_server) => {}
            }
        });
        Ok(Self { _server: server })
    }
}

/// Serves these routes. Clients are programs on this machine.
async fn serve<L: Listener<Addr = ()>>(listener: L, routes: Router) -> Infallible {
    let local = ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 0)));
    let routes = routes.layer(axum::Extension(local));
    // `axum::serve` does not return. An error on one connection concerns only its client.
    let _ = axum::serve(listener, routes).await;
    pending().await
}

/// The routes of every service, chosen by the request's host.
fn by_host(routes: Routes, https: bool) -> Router {
    async fn dispatch(State((routes, https)): State<(Arc<Routes>, bool)>, request: Request) -> Response {
        let named = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let host = without_port(named.unwrap_or_default()).to_ascii_lowercase();
        let is_in = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        let service = if AUTHORITY_HOSTS.contains(&host.as_str()) {
            routes.entra.clone()
        } else if host == ARM_HOST {
            routes.arm.clone()
        } else if host == GRAPH_HOST {
            routes.graph.clone()
        } else if host == PUBLIC_ADDRESS_HOST {
            public_address::routes()
        } else if is_blob_service(&host) {
            routes.blobs.clone()
        } else if is_in(SCM_DOMAIN) && https {
            routes.kudu.clone()
        } else if is_in(SCM_DOMAIN) {
            // It takes passwords and tokens.
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            return Redirect::permanent(&format!("https://{host}{path}")).into_response();
        } else if is_in(APP_DOMAIN) {
            routes.apps[usize::from(!https)].clone()
        } else {
            let text = format!("Local Azure does not have {host}.\n");
            return (StatusCode::NOT_FOUND, text).into_response();
        };
        match service.oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
    Router::new().fallback(dispatch).with_state((Arc::new(routes), https))
}

fn is_blob_service(host: &str) -> bool {
    host.strip_suffix(BLOB_DOMAIN).is_some_and(|rest| rest.ends_with('.'))
}

/// The sockets in the folder of the network.
struct Sockets {
    azure: Azure,
    files: NetworkFiles,
    folder: OpenFolder,
}

impl Sockets {
    /// Listens on a socket, which a killed run may have left behind.
    fn bind(&self, name: &str) -> io::Result<StdListener> {
        let path = self.folder.path(name);
        let _ = fs::remove_file(&path);
        let listener = StdListener::bind(path)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// Keeps the names inside up to date with the state.
    async fn update_names(&self) -> Infallible {
        let mut changes = self.azure.changes();
        loop {
            changes.mark_unchanged();
            if let Err(error) = self.files.update(&self.azure) {
                tracing::warn!("the names inside the networks are out of date: {error}");
            }
            if changes.changed().await.is_err() {
                pending::<()>().await;
            }
        }
    }

    /// Serves the socket of a PostgreSQL server until the server is deleted.
    async fn serve_server(&self, name: &str, port: &PortOf) {
        let socket = postgres_socket(postgres_address(name));
        let mut changes = self.azure.changes();
        let deleted = changes.wait_for(|state| state.find::<PostgresServer>(name).is_none());
        match self.bind(&socket).and_then(UnixListener::from_std) {
            Ok(listener) => tokio::select! {
                never = self.forward_to_server(name, port, listener) => match never {},
                _ = deleted => {}
            },
            Err(error) => {
                tracing::warn!("{name} cannot be reached from inside the networks: {error}");
                let _ = deleted.await;
            }
        }
        let _ = fs::remove_file(self.folder.path(&socket));
    }

    /// Connects the clients that a PostgreSQL server admits to its loopback port.
    async fn forward_to_server(&self, name: &str, port: &PortOf, listener: UnixListener) -> Infallible {
        let mut firewall = Firewall::default();
        loop {
            let Ok((mut client, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            // Azure never answers a connection that it refuses. Closing it tells the client at once.
            let server: Option<PostgresServer> = self.azure.read(|state| state.find(name));
            if !server.is_some_and(|server| firewall.check(&server)) {
                continue;
            }
            let Some(port) = port(name) else { continue };
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect((LOOPBACK, port)).await {
                    let _ = server.set_nodelay(true);
                    // An error only means that one side disconnected.
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    }
}

/// The loopback port of the running PostgreSQL server with that name.
type PortOf = Arc<dyn Fn(&str) -> Option<u16> + Send + Sync>;

/// Tells whether the service that a connection is for is away, because of an injected fault.
type IsAway = Arc<dyn Fn() -> bool + Send + Sync>;
/// Tells whether a storage account is away.
type AccountIsAway = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A connection that ends when its service goes away.
struct UntilAway<S> {
    stream: S,
    is_away: IsAway,
}

impl<S> UntilAway<S> {
    fn check(&self) -> io::Result<()> {
        if (self.is_away)() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for UntilAway<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        // The client may have sent a request after the service went away.
        Poll::Ready(self.check())
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for UntilAway<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Accepts connections for one service.
struct PlainListener {
    listener: UnixListener,
    is_away: IsAway,
}

impl Listener for PlainListener {
    type Io = UntilAway<UnixStream>;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, ()) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) if !(self.is_away)() => {
                    let is_away = self.is_away.clone();
                    return (UntilAway { stream, is_away }, ());
                }
                Ok(_) => {}
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Accepts TLS connections. Their handshakes do not wait for each other.
struct TlsListener(mpsc::Receiver<UntilAway<TlsStream<UnixStream>>>);

impl TlsListener {
    /// `storage_is_away` is for the connections whose handshake names a storage account.
    fn start(listener: UnixListener, config: Arc<ServerConfig>, storage_is_away: AccountIsAway) -> Self {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let (sender, config, storage_is_away) = (sender.clone(), config.clone(), storage_is_away.clone());
                tokio::spawn(async move {
                    let handshake = async {
                        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream)
                            .await
                            .ok()?;
                        let hello = start.client_hello();
                        let host = hello.server_name().unwrap_or_default().to_ascii_lowercase();
                        let is_away: IsAway = match host.split_once('.') {
                            Some((account, domain)) if domain == BLOB_DOMAIN => {
                                let account = account.to_owned();
                                Arc::new(move || storage_is_away(&account))
                            }
                            _ => Arc::new(|| false),
                        };
                        if is_away() {
                            return None;
                        }
                        let stream = start.into_stream(config).await.ok()?;
                        Some(UntilAway { stream, is_away })
                    };
                    if let Ok(Some(stream)) = tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await {
                        let _ = sender.send(stream).await;
                    }
                });
            }
        });
        Self(receiver)
    }
}

impl Listener for TlsListener {
    type Io = UntilAway<TlsStream<UnixStream>>;
    type Addr = ();

    async fn accept(&mut self) -> (Self::Io, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
