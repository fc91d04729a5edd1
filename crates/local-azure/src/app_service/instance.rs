//! An instance of a web app: its identity, state and requests.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use uuid::Uuid;

use super::configuration::Configuration;
use crate::proxy::Endpoint;

/// `WEBSITE_INSTANCE_ID`, which does not change when the instance is restarted.
pub(super) fn instance_id(subscription: Uuid, app: &str, number: u32) -> String {
    hex::encode(Sha256::digest(format!("{subscription} {app} {number}")))
}

/// `WEBSITE_ROLE_INSTANCE_ID`. The names of the log files begin with it.
pub(crate) fn role_instance_id(number: u32) -> String {
    format!("lw{number}")
}

/// The number of consecutive failed starts after which a start counts as failed. A start that takes too long is not
/// repeated before it does.
const START_ATTEMPTS: u32 = 3;

/// The state of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// Its process has not answered a warm-up request yet.
    Starting,
    /// It serves requests.
    Ready,
    /// Its health checks failed. It serves requests only if too few other instances do.
    Unhealthy,
    /// Its process exited on its own or did not answer in time. It is restarted after a pause.
    Crashed,
    /// It gets no new requests and is being stopped.
    Stopping,
}

impl std::fmt::Display for InstanceState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unhealthy => "unhealthy",
            Self::Crashed => "crashed",
            Self::Stopping => "stopping",
        })
    }
}

/// The status of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceStatus {
    /// Its number, from 0.
    pub number: u32,
    /// Its `WEBSITE_INSTANCE_ID`.
    pub id: String,
    /// The port that it listens on: on loopback, or in its own network.
    pub port: Option<u16>,
    /// The process id of its first process.
    pub process: Option<u32>,
    /// Its state.
    pub state: InstanceState,
    /// When it entered that state.
    pub since: SystemTime,
    /// How many times its process was restarted.
    pub restarts: u32,
}

/// How an instance should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// After its current requests, within a time limit.
    Drained,
    /// Immediately.
    Now,
}

/// An instance of one generation of an app.
pub(super) struct Instance {
    pub(super) number: u32,
    pub(super) id: String,
    /// The generation that it belongs to.
    pub(super) generation: u64,
    /// The folder of the version that it runs.
    pub(super) folder: PathBuf,
    /// What it was started with.
    pub(super) configuration: Arc<Configuration>,
    view: Mutex<View>,
    stop: watch::Sender<Option<Stop>>,
    /// The number of its current requests.
    requests: watch::Sender<usize>,
}

struct View {
    status: InstanceStatus,
    /// Where it listens.
    endpoint: Option<Endpoint>,
    /// The number of failed starts since the last successful one.
    failed_starts: u32,
    /// Whether one of them took too long.
    timed_out: bool,
    /// Why the last start failed.
    failure: Option<String>,
}

impl Instance {
    pub(super) fn new(
        number: u32,
        id: String,
        generation: u64,
        folder: PathBuf,
        configuration: Arc<Configuration>,
    ) -> Self {
        let status = InstanceStatus {
            number,
            id: id.clone(),
            port: None,
            process: None,
            state: InstanceState::Starting,
            since: SystemTime::now(),
            restarts: 0,
        };
        Self {
            number,
            id,
            generation,
            folder,
            configuration,
            view: Mutex::new(View {
                status,
                endpoint: None,
                failed_starts: 0,
                timed_out: false,
                failure: None,
            }),
            stop: watch::Sender::new(None),
            requests: watch::Sender::new(0),
        }
    }

    pub(super) fn status(&self) -> InstanceStatus {
        self.view
            .lock()
            .expect("no thread panics while holding the lock")
            .status
            .clone()
    }

    /// Where it listens if it serves requests.
    pub(super) fn serving(&self) -> Option<Endpoint> {
        let view = self.view.lock().expect("no thread panics while holding the lock");
        let serves = matches!(view.status.state, InstanceState::Ready | InstanceState::Unhealthy);
        serves.then(|| view.endpoint.clone()).flatten()
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.view
            .lock()
            .expect("no thread panics while holding the lock")
            .status
            .state
            == InstanceState::Ready
    }

    /// Records that a process was started.
    pub(super) fn started(&self, endpoint: Endpoint, port: u16, process: u32) {
        let mut view = self.view.lock().expect("no thread panics while holding the lock");
        view.endpoint = Some(endpoint);
        view.status.port = Some(port);
        view.status.process = Some(process);
        drop(view);
        self.set(InstanceState::Starting);
    }

    /// Changes its state. An instance that is stopping stays in that state.
    pub(super) fn set(&self, state: InstanceState) {
        let mut view = self.view.lock().expect("no thread panics while holding the lock");
        if state == InstanceState::Ready {
            view.failed_starts = 0;
            view.timed_out = false;
            view.failure = None;
        }
        if view.status.state != state && view.status.state != InstanceState::Stopping {
            view.status.state = state;
            view.status.since = SystemTime::now();
        }
    }

    /// Records that its process failed and will be restarted.
    pub(super) fn failed(&self, why: String) {
        let mut view = self.view.lock().expect("no thread panics while holding the lock");
        view.failed_starts += 1;
        view.failure = Some(why);
        view.status.restarts += 1;
        view.status.process = None;
        drop(view);
        self.set(InstanceState::Crashed);
    }

    /// Records that a new process replaces an unhealthy one.
    pub(super) fn replaced(&self) {
        self.view
            .lock()
            .expect("no thread panics while holding the lock")
            .status
            .restarts += 1;
    }

    /// Records that its start takes too long.
    pub(super) fn start_timed_out(&self) {
        self.view
            .lock()
            .expect("no thread panics while holding the lock")
            .timed_out = true;
    }

    /// Whether its last start failed.
    pub(super) fn has_failed(&self) -> bool {
        self.view
            .lock()
            .expect("no thread panics while holding the lock")
            .failure
            .is_some()
    }

    /// Why its last start failed, if it took too long, or if it is the third in a row.
    pub(super) fn final_failure(&self) -> Option<String> {
        let view = self.view.lock().expect("no thread panics while holding the lock");
        let is_final = view.timed_out || view.failed_starts >= START_ATTEMPTS;
        view.failure.clone().filter(|_| is_final)
    }

    /// Tells it to stop. It gets no new requests from now on.
    pub(super) fn stop(&self, how: Stop) {
        self.set(InstanceState::Stopping);
        self.stop.send_if_modified(|stop| {
            let changed = *stop != Some(Stop::Now) && *stop != Some(how);
            if changed {
                *stop = Some(how);
            }
            changed
        });
    }

    /// Waits until it is told to stop.
    pub(super) async fn stop_requested(&self) -> Stop {
        self.wait_for_stop(Option::is_some).await.unwrap_or(Stop::Now)
    }

    /// Waits until its requests have finished, or until it is told to stop immediately.
    pub(super) async fn drained(&self) {
        let mut requests = self.requests.subscribe();
        tokio::select! {
            _ = requests.wait_for(|requests| *requests == 0) => {}
            _ = self.wait_for_stop(|stop| *stop == Some(Stop::Now)) => {}
        }
    }

    async fn wait_for_stop(&self, is_met: impl FnMut(&Option<Stop>) -> bool) -> Option<Stop> {
        let mut stop = self.stop.subscribe();
        let stop = stop.wait_for(is_met).await.map(|stop| *stop);
        stop.ok().flatten()
    }
}

/// Counts as a request of the instance until it is dropped.
pub(super) struct ActiveRequest(Arc<Instance>);

impl ActiveRequest {
    pub(super) fn new(instance: Arc<Instance>) -> Self {
        instance.requests.send_modify(|requests| *requests += 1);
        Self(instance)
    }

    /// The instance's id.
    pub(super) fn instance_id(&self) -> &str {
        &self.0.id
    }

    /// What the instance was started with.
    pub(super) fn configuration(&self) -> &Configuration {
        &self.0.configuration
    }

    /// Where the instance listens if it serves requests.
    pub(super) fn serving(&self) -> Option<Endpoint> {
        self.0.serving()
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.requests.send_modify(|requests| *requests -= 1);
    }
}
