//! Supervises an instance: starts it, warms it up, checks its health, restarts it after a crash, and stops it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::{Instant, sleep, timeout};

use super::app::App;
use super::instance::{Instance, InstanceState, Stop};
use super::names::azure_name;
use super::settings::Settings;
use super::start_command::start_command;
use super::startup::{Start, can_mount};
use super::{diagnosis, health, listening, log, runtime};
use crate::azure::Azure;
use crate::error::{Error, Result};
use crate::network::forwarder::APP_SOCKET;
use crate::network::{self, INSTANCE, NetworkFiles};
use crate::open_folder::OpenFolder;
use crate::process::Process;
use crate::proxy::Endpoint;
use crate::server::LOOPBACK;
use crate::state::WebApp;
use crate::tail::Tail;

/// The pause after the first crash. It doubles after each further crash.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// A process that ran for this long resets the pause.
const STABLE_AFTER: Duration = Duration::from_mins(1);
/// How long a stopping instance may take to finish its requests.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// The pause between two warm-up requests.
const WARM_UP_PAUSE: Duration = Duration::from_millis(100);
/// The port of an app in its own network, as for Azure's code stacks.
pub(super) const DEFAULT_PORT: u16 = 8000;
/// How many lines of its output are logged when an instance has crashed.
const LAST_LINES: usize = 20;

/// Runs the instance until it is told to stop.
pub(super) async fn supervise(app: Arc<App>, instance: Arc<Instance>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let failure = match run(&app, &instance).await {
            Ok(Outcome::Stopped) => break,
            Ok(Outcome::Unhealthy) => {
                instance.replaced();
                continue;
            }
            Ok(Outcome::Failed(why)) => why,
            Err(error) => error.to_string(),
        };
        if started.elapsed() > STABLE_AFTER {
            pause = FIRST_PAUSE;
        }
        app.log(
            &instance,
            &format!("{failure}\n{}{} s.", log::START_FAILED, pause.as_secs()),
        );
        instance.failed(failure);
        app.notify();
        tokio::select! {
            _ = instance.stop_requested() => break,
            () = sleep(pause) => {}
        }
        pause = LONGEST_PAUSE.min(pause * 2);
    }
    app.instance_ended(&instance);
}

/// Why a process of an instance ended.
enum Outcome {
    /// The instance was told to stop.
    Stopped,
    /// Its health checks failed, so it must be replaced.
    Unhealthy,
    /// It exited on its own, or did not answer in time.
    Failed(String),
}

/// Starts a process and waits until it has ended.
async fn run(app: &Arc<App>, instance: &Instance) -> Result<Outcome> {
    let Some(web_app) = app.web_app() else {
        return Ok(Outcome::Stopped);
    };
    // An instance that crashes after the startup command was removed has nothing to start.
    let Some(command) = start_command(&web_app, &instance.folder) else {
        return Ok(Outcome::Stopped);
    };
    let azure = &app.platform.azure;
    let settings = Settings::of(&web_app);
    let network = match &app.platform.options.network {
        Some(files) => Some(InstanceNetwork::open(app, instance, files)?),
        None => None,
    };
    let port = match &network {
        // Nothing else listens in the instance's own network.
        Some(_) => settings.port.unwrap_or(DEFAULT_PORT),
        None => choose_port(&settings, instance.number),
    };
    let header = settings.identity.then(|| IdentityHeader::create(azure, &app.name));
    let endpoint = match &network {
        Some(_) => network::IDENTITY_ENDPOINT,
        None => app.platform.identity_endpoint.as_str(),
    };
    let addresses = app.platform.addresses.read();
    let addresses = addresses.expect("no thread panics while holding the lock").clone();
    let start = Start {
        app: &web_app,
        command: &command,
        addresses: &addresses,
        site: &app.site,
        folder: &instance.folder,
        number: instance.number,
        generation: instance.generation,
        port,
        host: &azure_name(&app.name),
        identity: header.as_ref().map(|header| (endpoint, header.value.as_str())),
        network: network.as_ref().map(|network| (network.files, network.own.as_path())),
    };
    let program = azure.read(|state| start.program(state))?;
    let mut output = log::start_output(&app.site.log_folder(), instance.number).map_err(Error::file(&program.log))?;
    app.log(instance, &start_message(&web_app, &command, &settings, port));
    let state_folder = azure.folder().to_owned();
    let process = tokio::task::spawn_blocking(move || Process::start(&program, &state_folder));
    let process = process
        .await
        .map_err(|error| Error::failed("the start of an instance", error))??;
    let endpoint = network.as_ref().map_or(Endpoint::Port(port), InstanceNetwork::endpoint);
    instance.started(endpoint.clone(), port, process.id());
    app.notify();

    let reason = wait_for_end(app, instance, &settings, &process, port, &endpoint).await;
    if process.ended().is_none() {
        if matches!(reason, EndReason::StopRequested(Stop::Drained)) {
            let _ = timeout(DRAIN_LIMIT, instance.drained()).await;
        }
        let limit = settings.stop_limit;
        app.log(
            instance,
            &format!("Stopping: sending SIGTERM to the first process, and SIGKILL to all processes after {limit} s."),
        );
        process.ask_to_stop();
        let status = process.wait().await;
        app.log(instance, &format!("Stopped: {}.", describe(status)));
    }
    Ok(match reason {
        EndReason::StopRequested(_) => Outcome::Stopped,
        EndReason::Unhealthy => Outcome::Unhealthy,
        EndReason::WarmUpTimedOut { last_status, listening } => {
            instance.start_timed_out();
            let why = not_warm(&settings, port, last_status, &listening);
            Outcome::Failed(with_last_lines(&why, &mut output))
        }
        EndReason::Exited(status) => {
            let mut why = format!("The app {}", describe(status));
            if let Some(cause) = diagnosis::explain(&command, &instance.folder, status) {
                why = format!("{cause} {why}");
            }
            Outcome::Failed(with_last_lines(&why, &mut output))
        }
    })
}

/// Why a process must end, or has ended.
enum EndReason {
    StopRequested(Stop),
    Exited(ExitStatus),
    WarmUpTimedOut {
        /// The last answer to a warm-up request.
        last_status: Option<StatusCode>,
        /// Where the app listens.
        listening: Vec<SocketAddr>,
    },
    Unhealthy,
}

async fn wait_for_end(
    app: &Arc<App>,
    instance: &Instance,
    settings: &Settings,
    process: &Process,
    port: u16,
    endpoint: &Endpoint,
) -> EndReason {
    let started = Instant::now();
    let mut last_status = None;
    tokio::select! {
        biased;
        how = instance.stop_requested() => return EndReason::StopRequested(how),
        status = process.wait() => return EndReason::Exited(status),
        warm = timeout(settings.start_limit, warm_up(app, settings, port, endpoint, &mut last_status)) => {
            if warm.is_err() {
                let mut listening = listening::sockets(process.session(), process.id());
                listening.retain(|address| !network::is_forwarded(address));
                return EndReason::WarmUpTimedOut { last_status, listening };
            }
        }
    }
    let elapsed = started.elapsed().as_secs_f32();
    app.log(
        instance,
        &format!("{}the warm-up request was answered after {elapsed:.1} s.", log::STARTED),
    );
    instance.set(InstanceState::Ready);
    app.instance_ready(instance);
    tokio::select! {
        biased;
        how = instance.stop_requested() => EndReason::StopRequested(how),
        status = process.wait() => EndReason::Exited(status),
        () = health::watch(app, instance, settings, endpoint) => EndReason::Unhealthy,
    }
}

/// Sends warm-up requests until one has an accepted status.
async fn warm_up(app: &App, settings: &Settings, port: u16, endpoint: &Endpoint, last_status: &mut Option<StatusCode>) {
    // As in Azure, the request names the address of the instance. An app that checks its host name may reject it.
    let host = match endpoint {
        Endpoint::Socket(_) => format!("{INSTANCE}:{port}"),
        Endpoint::Port(_) => azure_name(&app.name),
    };
    loop {
        if let Ok(status) = health::ping(&app.platform.client, endpoint, &settings.warmup_path, &host, false).await {
            if settings.is_warm(status) {
                return;
            }
            *last_status = Some(status);
        }
        sleep(WARM_UP_PAUSE).await;
    }
}

/// Why the warm-up did not succeed in time.
fn not_warm(settings: &Settings, port: u16, last_status: Option<StatusCode>, listening: &[SocketAddr]) -> String {
    let (path, limit) = (&settings.warmup_path, settings.start_limit.as_secs());
    if let Some(status) = last_status {
        let accepted = settings.accepted_statuses();
        return format!(
            "The app answered {path} with status {}, but not {accepted} (WEBSITE_WARMUP_STATUSES), within {limit} s",
            status.as_u16()
        );
    }
    let mut on_port = listening.iter().filter(|address| address.port() == port);
    let addresses: Vec<_> = listening.iter().map(ToString::to_string).collect();
    let listens = match addresses.as_slice() {
        [] => "it does not listen on any port".to_owned(),
        all if on_port.clone().any(|address| !address.ip().is_loopback()) => {
            format!("although it listens on {}", all.join(", "))
        }
        all if on_port.next().is_some() => format!(
            "it listens on {} only, which nothing outside of its container can reach: listen on 0.0.0.0",
            all.join(", ")
        ),
        all => format!(
            "it listens on {} instead: read the port from the variable PORT",
            all.join(", ")
        ),
    };
    format!("The app did not answer {path} on port {port} within {limit} s; {listens}")
}

/// The network of an instance. Its folder is deleted when this value is dropped.
struct InstanceNetwork<'a> {
    files: &'a NetworkFiles,
    own: PathBuf,
    /// The open folder, which gives the socket in it a short path.
    folder: OpenFolder,
}

impl<'a> InstanceNetwork<'a> {
    fn open(app: &App, instance: &Instance, files: &'a NetworkFiles) -> Result<Self> {
        let own = app.site.network(instance.number, instance.generation);
        fs::create_dir_all(&own).map_err(Error::file(&own))?;
        let folder = OpenFolder::open(&own).map_err(Error::file(&own))?;
        Ok(Self { files, own, folder })
    }

    /// The socket that leads to the app inside.
    fn endpoint(&self) -> Endpoint {
        Endpoint::Socket(self.folder.path(APP_SOCKET))
    }
}

impl Drop for InstanceNetwork<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.own);
    }
}

/// Chooses the port of an instance. Because all instances share one network, the setting `PORT` applies only to the
/// first; the others get free ports.
fn choose_port(settings: &Settings, number: u32) -> u16 {
    if let Some(port) = settings.port
        && number == 0
    {
        return port;
    }
    // This range is outside the one from which the system assigns ports.
    let is_free = |port: &u16| std::net::TcpListener::bind((LOOPBACK, *port)).is_ok();
    let mut ports = std::iter::repeat_with(|| fastrand::u16(20_000..32_000));
    ports.find(is_free).expect("the iterator is infinite")
}

/// An `IDENTITY_HEADER` that is revoked when this value is dropped.
struct IdentityHeader {
    azure: Azure,
    value: String,
}

impl IdentityHeader {
    fn create(azure: &Azure, app: &str) -> Self {
        Self {
            value: azure.identity_headers().give(app),
            azure: azure.clone(),
        }
    }
}

impl Drop for IdentityHeader {
    fn drop(&mut self) {
        self.azure.identity_headers().revoke(&self.value);
    }
}

fn start_message(app: &WebApp, command: &str, settings: &Settings, port: u16) -> String {
    let mut text = format!("{}{port}: {command}", log::START);
    if let Some(runtime) = runtime::describe(app) {
        text = format!("{runtime}\n{text}");
    }
    if settings.read_only && !can_mount() {
        text.push_str("\nOnly file modes make the package read-only, because this process may not mount file systems.");
    }
    text
}

/// Describes an exit status. The supervising shell reports a signal as 128 plus its number.
fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(137) => "was killed (SIGKILL)".to_owned(),
        Some(143) => "was terminated by SIGTERM".to_owned(),
        Some(code @ 129..=192) => format!("was terminated by signal {}", code - 128),
        Some(code) => format!("exited with code {code}"),
        None => "was killed together with its supervisor".to_owned(),
    }
}

fn with_last_lines(what: &str, output: &mut Tail) -> String {
    let lines = log::last_lines(output, LAST_LINES);
    if lines.is_empty() {
        return format!("{what}. It wrote no output.");
    }
    format!("{what}. Its last output:\n  {}", lines.join("\n  "))
}
