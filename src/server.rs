//! Listening, and stopping without cutting anyone off.

use std::error::Error;
use std::future::{Future, IntoFuture};
use std::io;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::app::App;
use crate::config::Config;
use crate::error::chain;
use crate::photos::{DirectoryPhotos, cleanup};
use crate::routes::router;
use crate::store::SqliteStore;

/// Why the site could not start, in words for the person who started it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// Opens what the configuration names.
pub async fn open(config: Config) -> Result<App, StartError> {
    let photo_folder = config.data_dir.join("photos");
    let photos = DirectoryPhotos::open(&photo_folder)
        .await
        .map_err(|error| unusable(&config, &photo_folder, &error))?;
    let file = config.data_dir.join("restaurants.sqlite3");
    let store = SqliteStore::open(&file)
        .await
        .map_err(|error| unusable(&config, &file, &error))?;
    Ok(App::new(config, Box::new(store), Box::new(photos)))
}

fn unusable(config: &Config, path: &Path, error: &(dyn Error + 'static)) -> StartError {
    StartError(format!(
        "DATA_DIR is \"{}\", but {} cannot be used: {}. It wants a folder that this program may write to.",
        config.data_dir.display(),
        path.display(),
        chain(error),
    ))
}

/// Serves until the process is told to stop (SIGTERM, or Ctrl-C).
pub async fn serve(config: Config) -> Result<(), StartError> {
    let address = (config.host, config.port);
    let app = open(config).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        StartError(format!(
            "HOST {} and PORT {} cannot be listened on: {error}. Set PORT to a free port, such as PORT=8001.",
            address.0, address.1
        ))
    })?;
    announce(&app, &listener).map_err(|error| StartError(error.to_string()))?;
    serve_on(listener, app, stop_signal())
        .await
        .map_err(|error| StartError(error.to_string()))
}

/// The few lines that say what is used.
fn announce(app: &App, listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    // 0.0.0.0 is no address to open in a browser.
    let host = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    tracing::info!("Azure Restaurant Review {}", env!("CARGO_PKG_VERSION"));
    tracing::info!("restaurants and reviews: {}", app.store.describe());
    tracing::info!("photos: {}", app.photos.describe());
    tracing::info!("listening on http://{host}");
    Ok(())
}

/// Serves on a listener until `stop` is done; then lets what is in flight finish, for at most
/// `SHUTDOWN_GRACE_SECONDS`.
pub async fn serve_on(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let clean_up = tokio::spawn(cleanup::run(app.clone()));
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping: finishing what is in flight");
        let _ = stopping.send(());
    });
    let grace = async {
        // An error means that the server ended by itself; then there is nothing to wait for.
        if stopped.await.is_ok() {
            tokio::time::sleep(app.config.shutdown_grace).await;
        }
    };
    tokio::select! {
        result = async {
            server.into_future().await?;
            // A change outlives its request when the person has left.
            app.changes.close();
            app.changes.wait().await;
            Ok::<(), io::Error>(())
        } => {
            result?;
            tracing::info!("stopped");
        }
        () = grace => {
            tracing::warn!("stopped after {} seconds with requests in flight", app.config.shutdown_grace.as_secs());
        }
    }
    clean_up.abort();
    Ok(())
}

/// Done when the process is told to stop.
async fn stop_signal() {
    let mut terminate = signal(SignalKind::terminate()).expect("a signal handler can be installed");
    let mut interrupt = signal(SignalKind::interrupt()).expect("a signal handler can be installed");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
