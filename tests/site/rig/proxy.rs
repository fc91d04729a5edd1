//! A proxy between the site and a service that it uses.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{copy, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Forwards connections to a port of this machine until it is told to silence or refuse them.
pub struct Proxy {
    pub port: u16,
    server: u16,
    silence: watch::Sender<()>,
    /// One for each connection that the site has not closed.
    open: Arc<()>,
    accepting: Mutex<Option<AbortOnDropHandle<()>>>,
    /// Keeps the port while connections are refused: it is taken, but nothing listens.
    refusing: Mutex<Option<TcpSocket>>,
}

impl Proxy {
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            server,
            silence: watch::Sender::new(()),
            open: Arc::default(),
            accepting: Mutex::default(),
            refusing: Mutex::default(),
        };
        proxy.accept_on(listener);
        proxy
    }

    fn accept_on(&self, listener: TcpListener) {
        let (server, silence, open) = (self.server, self.silence.clone(), self.open.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (silenced, open) = (silence.subscribe(), open.clone());
                tokio::spawn(async move {
                    forward(client, server, silenced).await;
                    drop(open);
                });
            }
        });
        *self.accepting.lock().unwrap() = Some(AbortOnDropHandle::new(accepting));
    }

    /// Forwards nothing over the open connections from now on, and does not close them. New ones work.
    pub fn silence_open_connections(&self) {
        self.silence.send_replace(());
    }

    /// How many connections are open, silenced ones included.
    pub fn open_connections(&self) -> usize {
        // The proxy and its task have one each.
        Arc::strong_count(&self.open) - 2
    }

    /// Refuses new connections.
    pub async fn refuse(&self) {
        let accepting = self.accepting.lock().unwrap().take().expect("it accepts them");
        accepting.abort();
        // The port is free when the task has dropped its listener.
        let _ = accepting.await;
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, self.port).into()).unwrap();
        *self.refusing.lock().unwrap() = Some(socket);
    }

    /// Accepts connections again.
    pub fn accept(&self) {
        let socket = self.refusing.lock().unwrap().take().expect("it refuses them");
        self.accept_on(socket.listen(1024).unwrap());
    }
}

async fn forward(mut client: TcpStream, server: u16, mut silenced: watch::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Both stay open until the client gives up.
        _ = silenced.changed() => drop(copy(&mut client, &mut sink()).await),
    }
}
