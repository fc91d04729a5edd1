//! The life of an instance: started, warmed up, watched, started again after a crash, and ended in good order.

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::app::App;
use super::instance::{Instance, InstanceState, Stop};
use super::settings::Settings;
use super::startup::{Start, can_mount};
use super::{health, log};
use crate::process::Process;
use crate::server::LOOPBACK;
use crate::state::{Azure, WebApp};
use crate::{Error, Result};

/// The pause after a crash: it doubles, so that a crash loop does not spin.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_mins(1);
/// What has run as long as this may crash without being held to be a loop.
const STEADY: Duration = Duration::from_mins(1);
/// How long the requests of an instance that is to end may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait before the next warm-up request.
const WARM_UP_PAUSE: Duration = Duration::from_millis(100);
/// How much of what it said is shown when an instance has crashed.
const LAST_LINES: usize = 20;

/// Runs the instance until it is ordered to end.
pub(super) async fn live(app: Arc<App>, instance: Arc<Instance>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let failure = match run(&app, &instance).await {
            Ok(End::Ordered) => break,
            Ok(End::Unwell) => {
                instance.replaced();
                continue;
            }
            Ok(End::Failed(why)) => why,
            Err(error) => error.to_string(),
        };
        if begun.elapsed() > STEADY {
            pause = FIRST_PAUSE;
        }
        app.say(
            &instance,
            &format!("{failure}\nIt is started again in {} s.", pause.as_secs()),
        );
        instance.failed(failure);
        app.changed();
        tokio::select! {
            _ = instance.ordered() => break,
            () = sleep(pause) => {}
        }
        pause = LAST_PAUSE.min(pause * 2);
    }
    app.gone(&instance);
}

/// How a process of an instance came to its end.
enum End {
    /// It was ordered to end.
    Ordered,
    /// It is to be replaced, since its health checks fail.
    Unwell,
    /// It ended by itself, or did not answer.
    Failed(String),
}

/// Starts a process and stays until it has ended.
async fn run(app: &Arc<App>, instance: &Instance) -> Result<End> {
    let Some(web_app) = app.web_app() else {
        return Ok(End::Ordered);
    };
    let azure = &app.platform.azure;
    let settings = Settings::of(&web_app);
    let port = port(&settings, instance.number);
    let header = settings.identity.then(|| Header::give(azure, &app.name));
    let endpoint = app.platform.identity_endpoint.as_str();
    let program = Start {
        app: &web_app,
        site: &app.site,
        folder: &instance.folder,
        number: instance.number,
        generation: instance.generation,
        port,
        host: &app.platform.host(&app.name),
        identity: header.as_ref().map(|header| (endpoint, header.value.as_str())),
    };
    let program = azure.read(|state| program.program(state))?;
    let logs = app.site.log_folder();
    let said = log::begin(&logs, instance.number);
    app.say(instance, &starting(&web_app, &settings, port));
    let state_folder = azure.folder().to_owned();
    let process = tokio::task::spawn_blocking(move || Process::start(&program, &state_folder));
    let process = process.await.map_err(|error| Error::failed("the start", error))??;
    instance.started(port, process.id());
    app.changed();

    let end = watch(app, instance, &settings, &process).await;
    if process.ended().is_none() {
        if matches!(end, Why::Ordered(Stop::Drained)) {
            let _ = timeout(DRAIN_LIMIT, instance.drained()).await;
        }
        let limit = settings.stop_limit;
        app.say(
            instance,
            &format!("Stopping: SIGTERM to the first process, SIGKILL to all after {limit} s."),
        );
        process.ask_to_stop();
        let status = process.wait().await;
        app.say(instance, &format!("Stopped: {}.", ending(status)));
    }
    Ok(match end {
        Why::Ordered(_) => End::Ordered,
        Why::Unwell => End::Unwell,
        Why::Cold => End::Failed(with_last_lines(
            app,
            instance,
            said,
            &format!(
                "It did not answer {} on port {port} within {} s",
                settings.warmup_path,
                settings.start_limit.as_secs()
            ),
        )),
        Why::Ended(status) => End::Failed(with_last_lines(app, instance, said, &format!("It {}", ending(status)))),
    })
}

/// Why a process does not go on.
enum Why {
    Ordered(Stop),
    Ended(ExitStatus),
    /// It did not answer the warm-up request in time.
    Cold,
    Unwell,
}

async fn watch(app: &Arc<App>, instance: &Instance, settings: &Settings, process: &Process) -> Why {
    let begun = Instant::now();
    let port = instance.status().port.unwrap_or_default();
    tokio::select! {
        biased;
        how = instance.ordered() => return Why::Ordered(how),
        status = process.wait() => return Why::Ended(status),
        warm = timeout(settings.start_limit, warm_up(app, settings, port)) => {
            if warm.is_err() {
                return Why::Cold;
            }
        }
    }
    let taken = begun.elapsed().as_secs_f32();
    app.say(
        instance,
        &format!("Ready: the warm-up request was answered after {taken:.1} s."),
    );
    instance.set(InstanceState::Ready);
    app.ready(instance);
    tokio::select! {
        biased;
        how = instance.ordered() => Why::Ordered(how),
        status = process.wait() => Why::Ended(status),
        () = health::watch(app, instance, settings, port) => Why::Unwell,
    }
}

/// Asks until there is an answer that counts.
async fn warm_up(app: &App, settings: &Settings, port: u16) {
    let host = format!("{LOOPBACK}:{port}");
    loop {
        match health::ping(&app.platform.client, port, &settings.warmup_path, &host, false).await {
            Ok(status) if settings.is_warm(status) => return,
            _ => sleep(WARM_UP_PAUSE).await,
        }
    }
}

/// The port of an instance. `PORT` holds for the first, since here all share one network; the others get free ones.
fn port(settings: &Settings, number: u32) -> u16 {
    if let Some(port) = settings.port
        && number == 0
    {
        return port;
    }
    // Outside the range from which the system gives out ports by itself.
    let free = |port: &u16| std::net::TcpListener::bind((LOOPBACK, *port)).is_ok();
    let mut ports = std::iter::repeat_with(|| fastrand::u16(20_000..32_000));
    ports.find(free).expect("the iterator has no end")
}

/// An `IDENTITY_HEADER`, which holds as long as this value lives.
struct Header {
    azure: Azure,
    value: String,
}

impl Header {
    fn give(azure: &Azure, app: &str) -> Self {
        Self {
            value: azure.identity_headers().give(app),
            azure: azure.clone(),
        }
    }
}

impl Drop for Header {
    fn drop(&mut self) {
        self.azure.identity_headers().revoke(&self.value);
    }
}

fn starting(app: &WebApp, settings: &Settings, port: u16) -> String {
    let mut text = format!("Starting on port {port}: {}", app.startup_command);
    if settings.read_only && !can_mount() {
        text.push_str("\nThe package is read-only by file modes alone: mounts are for root.");
    }
    text
}

/// How a process ended; a shell says 128 and the number of a signal.
fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(137) => "was killed (SIGKILL)".to_owned(),
        Some(143) => "ended by SIGTERM".to_owned(),
        Some(code @ 129..=192) => format!("ended by signal {}", code - 128),
        Some(code) => format!("ended with code {code}"),
        None => "was ended together with its keeper".to_owned(),
    }
}

fn with_last_lines(app: &App, instance: &Instance, since: u64, what: &str) -> String {
    let lines = log::last_lines(&app.site.log_folder(), instance.number, since, LAST_LINES);
    if lines.is_empty() {
        return format!("{what}, and said nothing.");
    }
    format!("{what}. The last that it said:\n  {}", lines.join("\n  "))
}
