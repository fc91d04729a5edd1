//! Listens for requests, and shuts down gracefully.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::app::App;
use crate::cache;
use crate::config::{Config, StaffAccess};
use crate::connections::{self, Limits};
use crate::error_chain::chain;
use crate::folding;
use crate::gauges;
use crate::open::{StartError, open};
use crate::pages::admin::gate;
use crate::photo_cleanup;
use crate::routes::router;
use crate::telemetry;
use crate::web::FrontEnd;

/// The pause after the first failure to prepare the store. It doubles with each further failure, up to the bound.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Serves until the process is told to stop (SIGTERM, or Ctrl-C).
pub async fn serve(config: Config) -> Result<(), StartError> {
    connections::allow_many_descriptors();
    let address = (config.host, config.port);
    let app = open(config).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        StartError(format!(
            "The site cannot listen on HOST {} and PORT {}: {error}. Set PORT to a free port, such as PORT=8001.",
            address.0, address.1
        ))
    })?;
    gauges::register(&app);
    // A program that reads the address may stop the site at once.
    let stop = stop_signal().map_err(|error| StartError(error.to_string()))?;
    announce(&app, &listener).map_err(|error| StartError(error.to_string()))?;
    serve_on(listener, app, stop).await;
    Ok(())
}

/// Logs what the site uses and where it listens.
fn announce(app: &App, listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    // A browser cannot open 0.0.0.0.
    let host = if address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    };
    tracing::info!("Azure Restaurant Review {}", env!("CARGO_PKG_VERSION"));
    tracing::info!("restaurants and reviews: {}", app.store.describe());
    tracing::info!("photos: {}", app.photos.describe());
    if let Some(telemetry) = app.config.telemetry.describe() {
        tracing::info!("telemetry: {telemetry}");
    }
    for warning in &app.config.telemetry.warnings {
        tracing::warn!("{warning}");
    }
    tracing::info!("listening on http://{host}");
    if app.config.staff == StaffAccess::NoAuthentication {
        tracing::warn!(
            "the staff pages are off: ADMIN_PRINCIPALS is set, but this is not App Service with its authentication enabled \
             (WEBSITE_HOSTNAME is not set, or WEBSITE_AUTH_ENABLED is not True)"
        );
    }
    if app.config.telemetry.lacks_collector {
        // The component exists in every deployment by Bicep, and costs nothing until it is used.
        tracing::info!(
            "nothing is sent to Application Insights: APPLICATIONINSIGHTS_CONNECTION_STRING is set, but \
             OTEL_EXPORTER_OTLP_ENDPOINT is not. The site speaks OTLP, and a collector passes it on: see the section \
             \"Telemetry\" of docs/operations.md"
        );
    }
    gate::open_on_this_machine(app, &format!("http://{host}"));
    Ok(())
}

/// Serves on a listener until `stop` completes. Then drains the requests in flight for at most
/// `SHUTDOWN_GRACE_SECONDS`.
pub async fn serve_on(listener: TcpListener, app: App, stop: impl Future<Output = ()>) {
    let background = tokio::spawn(run_in_background(app.clone()));
    let (stopping, stopped) = oneshot::channel();
    let limits = Limits::of_process(FrontEnd::of(&app.config) != FrontEnd::None);
    let server = connections::serve(listener, router(app.clone()), limits, async move {
        stop.await;
        tracing::info!("stopping: draining the requests in flight");
        let _ = stopping.send(());
    });
    // The last of the grace period is for the telemetry that is left.
    let grace = app.config.shutdown_grace;
    let limit = grace.saturating_sub(telemetry::flush_limit(grace));
    let grace = async {
        let _ = stopped.await;
        tokio::time::sleep(limit).await;
    };
    tokio::select! {
        () = async {
            server.await;
            // A change outlives its request if the visitor closes the page.
            app.saves.close();
            app.saves.wait().await;
        } => tracing::info!("stopped"),
        () = grace => {
            tracing::warn!("stopped after {} seconds with requests in flight", limit.as_secs());
        }
    }
    background.abort();
}

/// Prepares the store, as soon as it can be reached; then removes unclaimed photos, folds the texts that other programs
/// write, and keeps the page cache up to date.
///
/// Until the store is prepared, every page answers 503 and reloads by itself. App Service's start-up probe
/// therefore gets an answer, and a database that is down does not stop the process.
async fn run_in_background(app: App) {
    let mut pause = FIRST_PAUSE;
    let mut reported = String::new();
    while let Err(error) = app.store.prepare().await {
        let cause = chain(&error);
        if cause != reported {
            tracing::error!(cause, "the store is not ready; trying again until it is");
            reported = cause;
        }
        // The pause is partly random, so that many instances do not all retry at once.
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    if !reported.is_empty() {
        tracing::info!("the store is ready");
    }
    tokio::join!(
        photo_cleanup::run(Arc::clone(&app.store), Arc::clone(&app.photos)),
        folding::run(Arc::clone(&app.store)),
        cache::follow(Arc::clone(&app.store), Arc::clone(&app.page_cache)),
    );
}

/// A future that completes when the process is told to stop: by Ctrl-C, or by SIGTERM on Unix. There, neither ends the
/// process by itself from now on.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async { tokio::signal::ctrl_c().await.expect("Ctrl-C can be listened for") })
}
