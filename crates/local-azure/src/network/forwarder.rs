//! `local-azure forward`: listens on Azure's addresses inside a network, and connects them to the sockets of Local Azure,
//! which is outside. In the other direction, it connects this network's own socket to the port of the app inside, or to the
//! port that a program in a shell listens on.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::addresses::{
    DEVELOPER_SOCKET, HTTP_SOCKET, HTTPS_SOCKET, IDENTITY, IDENTITY_SOCKET, IMDS, INSTANCE, LOCALSTACK_PORT, PLATFORM,
    POSTGRES_PORT, WEB, postgres_socket,
};
use crate::error::{Error, Result};
use crate::open_folder::OpenFolder;

const PART: &str = "the forwarder of the network";

/// The socket that leads to the app inside, or into a shell.
pub const APP_SOCKET: &str = "app.sock";

/// The options of `local-azure forward`, which only Local Azure itself runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder of the network
    #[arg(long)]
    network: PathBuf,
    /// The folder of this network's own socket
    #[arg(long)]
    own: PathBuf,
    /// The port of the app inside; 0 if there is none
    #[arg(long)]
    port: u16,
}

/// Forwards until the network ends.
pub async fn run(options: &Options) -> Result<()> {
    let network = OpenFolder::open(&options.network).map_err(Error::file(&options.network))?;
    let own = OpenFolder::open(&options.own).map_err(Error::file(&options.own))?;
    let web = [
        (SocketAddrV4::new(WEB, 443), HTTPS_SOCKET),
        (SocketAddrV4::new(WEB, 80), HTTP_SOCKET),
        (SocketAddrV4::new(IMDS, 80), IDENTITY_SOCKET),
        (IDENTITY, IDENTITY_SOCKET),
    ];
    // Only shells, in which there is no app, act for the developer without a token.
    let is_shell = options.port == 0;
    let developer = is_shell.then_some((SocketAddrV4::new(WEB, LOCALSTACK_PORT), DEVELOPER_SOCKET));
    for (address, socket) in web.into_iter().chain(developer) {
        let (listener, socket) = (listen(address).await?, network.path(socket));
        tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(connect(stream, socket.clone()));
                }
            }
        });
    }
    let servers = listen(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, POSTGRES_PORT)).await?;
    let postgres = network.clone();
    tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = servers.accept().await
                && let Ok(SocketAddr::V4(address)) = stream.local_addr()
            {
                tokio::spawn(connect(stream, postgres.path(&postgres_socket(*address.ip()))));
            }
        }
    });
    let socket = own.path(APP_SOCKET);
    let _ = fs::remove_file(&socket);
    let app = UnixListener::bind(&socket).map_err(Error::file(options.own.join(APP_SOCKET)))?;
    File::create(own.path("ready")).map_err(Error::file(&options.own))?;
    loop {
        let (mut stream, _) = app.accept().await.map_err(|error| Error::failed(PART, error))?;
        let port = options.port;
        tokio::spawn(async move {
            let inside = if is_shell {
                connect_to_program(&mut stream).await
            } else {
                connect_to_app(port).await
            };
            if let Ok(inside) = inside {
                let _ = inside.set_nodelay(true);
                copy(stream, inside).await;
            }
        });
    }
}

async fn connect_to_app(port: u16) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddrV4::new(PLATFORM, 0).into())?;
    socket.connect(SocketAddrV4::new(INSTANCE, port).into()).await
}

/// Connects to the port of the shell's own loopback address that the stream names in its first two bytes.
async fn connect_to_program(stream: &mut UnixStream) -> io::Result<TcpStream> {
    let port = stream.read_u16().await?;
    match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        Ok(inside) => Ok(inside),
        Err(_) => TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await,
    }
}

async fn listen(address: SocketAddrV4) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Error::failed(PART, format!("cannot listen on {address}: {error}")))
}

/// Connects a client inside to a socket. If nothing listens there, the client's connection is closed.
async fn connect(stream: TcpStream, socket: PathBuf) {
    let _ = stream.set_nodelay(true);
    if let Ok(outside) = UnixStream::connect(socket).await {
        copy(stream, outside).await;
    }
}

async fn copy(mut a: impl AsyncRead + AsyncWrite + Unpin, mut b: impl AsyncRead + AsyncWrite + Unpin) {
    // An error only means that one side disconnected.
    let _ = copy_bidirectional(&mut a, &mut b).await;
}
