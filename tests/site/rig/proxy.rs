//! A proxy between the site and its database.

use tokio::io::{copy, copy_bidirectional, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Forwards connections to a port of this machine until it is told to silence them.
pub struct Proxy {
    pub port: u16,
    silence: watch::Sender<()>,
    _accepting: AbortOnDropHandle<()>,
}

impl Proxy {
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let silence = watch::Sender::new(());
        let silencing = silence.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(forward(client, server, silencing.subscribe()));
            }
        });
        Self {
            port,
            silence,
            _accepting: AbortOnDropHandle::new(accepting),
        }
    }

    /// Forwards nothing over the open connections from now on, and does not close them. New ones work.
    pub fn silence_open_connections(&self) {
        self.silence.send_replace(());
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
