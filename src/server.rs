//! Listening, and stopping without cutting anyone off.

use std::error::Error;
use std::future::{Future, IntoFuture};
use std::io;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::app::App;
use crate::config::Config;
use crate::error::chain;
use crate::photos::{DirectoryPhotos, PhotoStore, cleanup};
use crate::routes::router;
use crate::store::{SqliteStore, Store};

/// Why the site could not start, in words for the person who started it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

/// Opens what the configuration names.
pub async fn open(config: Config) -> Result<App, StartError> {
    let photos = open_photos(&config).await?;
    let store = open_store(&config).await?;
    Ok(App::new(config, store, photos))
}

/// Opens the place for restaurants and reviews, creating and migrating it where that is needed.
pub async fn open_store(config: &Config) -> Result<Box<dyn Store>, StartError> {
    let file = config.data_dir.join("restaurants.sqlite3");
    let opened = async {
        tokio::fs::create_dir_all(&config.data_dir)
            .await
            .map_err(sqlx::Error::Io)?;
        SqliteStore::open(&file).await
    };
    match opened.await {
        Ok(store) => Ok(Box::new(store)),
        Err(error) => Err(unusable(config, &file, &error)),
    }
}

/// Opens the place for photos, creating it where there is none.
pub async fn open_photos(config: &Config) -> Result<Box<dyn PhotoStore>, StartError> {
    let folder = config.data_dir.join("photos");
    match DirectoryPhotos::open(&folder).await {
        Ok(photos) => Ok(Box::new(photos)),
        Err(error) => Err(unusable(config, &folder, &error)),
    }
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

/// Done when the process is told to stop: Ctrl-C, and SIGTERM where there are signals.
async fn stop_signal() {
    let interrupt = async {
        tokio::signal::ctrl_c().await.expect("Ctrl-C can be listened for");
    };
    #[cfg(unix)]
    let terminate = async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .expect("a signal handler can be installed");
        terminate.recv().await;
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
